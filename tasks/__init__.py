"""The gallery's tasks, in the order of its tabs."""

from tasks import (
    image_classification,
    image_generation,
    image_processing,
    image_segmentation,
    image_translation,
    object_detection,
    speech_recognition,
    text_generation,
    text_to_speech,
    time_series,
    translation,
)
from tasks.task import Task

TASKS: tuple[Task, ...] = (
    image_classification.TASK,
    object_detection.TASK,
    image_segmentation.TASK,
    image_processing.TASK,
    speech_recognition.TASK,
    translation.TASK,
    text_generation.TASK,
    text_to_speech.TASK,
    time_series.TASK,
    image_generation.TASK,
    image_translation.TASK,
)
