"""Things are found where they are, sliders run no network, and every kind of detector answers in the same way."""

import json
from pathlib import Path

import gradio
import numpy as np
import PIL.Image
import pytest
import skimage.data

from tasks import models, yolox
from tasks import object_detection as od
from tasks.errors import BadInput
from tasks.object_detection import Detection
from tasks.settings import EXAMPLES

MOTORCYCLE = Path(skimage.data.__file__).parent / "motorcycle_left.png"
LION = Path(gradio.__file__).parent / "media_assets/images/lion.jpg"


def iou(one, other) -> float:
    return float(yolox.overlaps(np.array(one, float), np.array([other], float))[0])


# Boxes marked by hand on the enlarged pictures.
@pytest.mark.parametrize(
    ("picture", "label", "box"),
    [
        (EXAMPLES / "astronaut.jpg", "person", (2, 3, 372, 512)),
        (EXAMPLES / "coffee.jpg", "cup", (164, 20, 416, 296)),
        (EXAMPLES / "cat.jpg", "cat", (0, 0, 410, 300)),
        (MOTORCYCLE, "motorcycle", (92, 56, 672, 440)),
        (skimage.data.camera(), "person", (0, 60, 340, 512)),
    ],
    ids=["astronaut", "coffee", "cat", "motorcycle", "cameraman"],
)
def test_things_are_found_where_they_are(picture, label, box):
    found = [detection for detection in od.detect(picture) if detection.label == label]
    assert len(found) == 1
    assert iou(found[0].box, box) > 0.75


def test_an_example_with_many_things():
    labels = sorted(detection.label for detection in od.detect(EXAMPLES / "collage.jpg"))
    assert labels == ["cat", "cup", "dining table", "person", "person", "tie"]


def test_nothing_is_found_where_nothing_is():
    assert od.detect(PIL.Image.new("RGB", (640, 480), (90, 120, 150))) == []
    assert od.detect(skimage.data.rocket(), threshold=0.3) == []


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 900), (4000, 3000)])
def test_every_size_goes_through(size):
    picture = PIL.Image.new("RGB", size, "red")
    found = od.find(picture)
    paper = od.canvas(picture)
    assert max(paper.picture.size) <= 1600
    od.draw(paper, found.detections)
    od.draw_maps(paper, found.proposals.maps)


def test_boxes_follow_the_size_and_the_orientation_of_the_picture(tmp_path):
    (upright,) = od.detect(MOTORCYCLE, threshold=0.7)
    picture = PIL.Image.open(MOTORCYCLE).convert("RGB")
    double = od.detect(picture.resize((picture.width * 2, picture.height * 2)), threshold=0.7)
    assert iou(double[0].box, np.array(upright.box) * 2) > 0.9
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    picture.transpose(PIL.Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned = od.detect(tmp_path / "turned.png", threshold=0.7)
    assert iou(turned[0].box, upright.box) > 0.99


def test_a_lion_is_one_animal():
    """No class of COCO: the network sees a cat and a dog in the same place."""
    both = od.detect(LION, threshold=0.3, merge=False)
    assert [detection.label for detection in both] == ["cat", "dog"]
    assert od.detect(LION, threshold=0.3) == both[:1]


def test_selection():
    cat, dog = Detection("cat", 0.9, (0, 0, 100, 100)), Detection("dog", 0.8, (2, 0, 100, 100))
    other = Detection("dog", 0.5, (200, 0, 300, 100))
    assert od.select([cat, dog, other], 0.6) == [cat]
    assert od.select([cat, dog, other], 0.1) == [cat, other]
    assert od.select([cat, dog, other], 0.1, merge=False) == [cat, dog, other]
    assert od.select([], 0.1) == []


def test_suppression():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [30, 0, 40, 10]], np.float32)
    candidates = yolox.Candidates(boxes, np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([1, 1, 2, 1]))
    assert yolox.suppress(candidates, 0.5).scores.tolist() == pytest.approx([0.9, 0.7, 0.6])  # another class stays
    assert yolox.suppress(candidates, 0.5, across_classes=True).scores.tolist() == pytest.approx([0.9, 0.6])
    assert len(yolox.suppress(candidates, 1.0)) == 4
    assert len(yolox.suppress(candidates[np.array([], int)])) == 0


def test_proposals_hold_what_the_detections_were_chosen_from():
    found = od.find(PIL.Image.open(EXAMPLES / "coffee.jpg"))
    maps = found.proposals.maps
    assert [scores.shape[1] for scores in maps] == [52, 26, 13]
    best = found.detections[0]
    grid = max(range(3), key=lambda i: maps[i].max())
    row, column = np.unravel_index(maps[grid].argmax(), maps[grid].shape)
    cell = 600 / 416 * yolox.STRIDES[grid]
    assert best.box[0] < (column + 0.5) * cell < best.box[2] and best.box[1] < (row + 0.5) * cell < best.box[3]
    assert maps[grid].max() == pytest.approx(best.score)


class CountingSession:
    """A session that counts its runs."""

    def __init__(self, session):
        self.session = session
        self.runs = 0

    def run(self, *args):
        self.runs += 1
        return self.session.run(*args)


@pytest.fixture
def counter():
    with models.use(od.DEFAULT) as network:
        original = network.net.session
        network.net.session = CountingSession(original)
        yield network.net.session
        network.net.session = original


def detected(picture=EXAMPLES / "collage.jpg", threshold=0.4):
    return od.on_detect(str(picture), od.DEFAULT.name, threshold, True, "")


def test_sliders_run_no_network(counter):
    _, _, status, session = detected()
    assert counter.runs == 1 and status.startswith("YOLOX-Nano · cpu")
    counts = [len(od.on_change(session, threshold, True, None)[1]["value"]) for threshold in (0.05, 0.4, 0.9)]
    assert counts[0] > counts[1] == 6 > counts[2] == 1
    hints = [od.on_inside(session, 0.4, True, overlap)[0] for overlap in (0.45, 0.8, 1.0)]
    assert len(set(hints)) == 3 and "leaves **6**" in hints[0]
    assert counter.runs == 1


def test_a_class_is_isolated():
    _, _, _, session = detected()
    everything, table, choices, _ = od.on_change(session, 0.4, True, None)
    assert (
        choices["value"] == od.EVERYTHING
        and ("person · 2", "person") in choices["choices"]
        and len(table["value"]) == 6
    )
    alone, table, choices, _ = od.on_change(session, 0.4, True, "cat")
    assert "value" not in choices and [row[0] for row in table["value"]] == ["cat"]
    inside, outside = (200, 600), (800, 200)  # on the cat, on the coffee
    assert sum(alone.getpixel(outside)) < sum(everything.getpixel(outside)) / 2
    assert alone.getpixel(inside) == everything.getpixel(inside)
    # A class that the threshold removes cannot stay chosen.
    assert od.on_change(session, 0.9, True, "cat")[2]["value"] == od.EVERYTHING


def test_the_download_is_coco():
    _, _, _, session = detected()
    path = od.on_change(session, 0.4, True, None)[3]["value"]
    content = json.loads(Path(path).read_text())
    assert content["images"] == [{"id": 1, "width": 960, "height": 800}]
    names = {category["id"]: category["name"] for category in content["categories"]}
    first, best = content["annotations"][0], od.detect(EXAMPLES / "collage.jpg")[0]
    assert names[first["category_id"]] == best.label == "person"
    x, y, width, height = first["bbox"]
    assert (x, y, x + width, y + height) == pytest.approx(best.box, abs=0.2)


def test_colours_are_stable_and_text_is_readable_on_them():
    assert od.colour("cat") == od.colour("cat") != od.colour("dog")
    for label in yolox.COCO:
        red, green, blue = (value / 255 for value in od.colour(label))
        assert 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.15  # contrast of 4 or more to ink


# Networks of the Hub, small and untrained: of the same classes, saved as the Hub saves them.


def tiny_dfine(folder):
    from transformers import DFineConfig, DFineForObjectDetection, RTDetrImageProcessor

    config = DFineConfig(
        backbone_config={
            "model_type": "hgnet_v2", "depths": [1, 1, 1, 1], "stem_channels": [3, 8, 8],
            "stage_in_channels": [8, 16, 16, 16], "stage_mid_channels": [8, 8, 8, 8],
            "stage_out_channels": [16, 16, 16, 16], "stage_num_blocks": [1, 1, 1, 1], "stage_numb_of_layers": [1] * 4,
            "out_features": ["stage2", "stage3", "stage4"], "hidden_sizes": [16, 16, 16, 16],
        },
        encoder_in_channels=[16, 16, 16], encoder_hidden_dim=32, d_model=32, encoder_ffn_dim=32, decoder_ffn_dim=32,
        decoder_in_channels=[32, 32, 32], encoder_attention_heads=2, decoder_attention_heads=2, decoder_layers=2,
        num_queries=20, num_denoising=0,
    )  # fmt: skip
    DFineForObjectDetection(config).save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def tiny_rt_detr(folder):
    from transformers import RTDetrImageProcessor, RTDetrV2Config, RTDetrV2ForObjectDetection

    config = RTDetrV2Config(
        backbone_config={
            "model_type": "rt_detr_resnet", "embedding_size": 8, "hidden_sizes": [8, 16, 16, 16],
            "depths": [1, 1, 1, 1], "layer_type": "basic", "out_features": ["stage2", "stage3", "stage4"],
        },
        encoder_in_channels=[16, 16, 16], encoder_hidden_dim=32, d_model=32, encoder_ffn_dim=32, decoder_ffn_dim=32,
        decoder_in_channels=[32, 32, 32], encoder_attention_heads=2, decoder_attention_heads=2, decoder_layers=2,
        num_queries=20, num_denoising=0,
    )  # fmt: skip
    RTDetrV2ForObjectDetection(config).save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def tiny_yolos(folder):
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    config = YolosConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=[64, 64],
        num_detection_tokens=10, num_labels=4,
    )  # fmt: skip
    YolosForObjectDetection(config).save_pretrained(folder)
    YolosImageProcessor(size={"shortest_edge": 48, "longest_edge": 96}).save_pretrained(folder)


def tiny_grounding_dino(folder):
    from transformers import (
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "a", "cat", "dog", "red", "helmet"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=256)
    config = GroundingDinoConfig(
        backbone_config={
            "model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "window_size": 2,
            "image_size": 64, "out_features": ["stage2", "stage3", "stage4"],
        },
        text_config={
            "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 32, "vocab_size": len(words),
        },
        d_model=32, encoder_layers=1, encoder_ffn_dim=32, encoder_attention_heads=2, decoder_layers=2,
        decoder_ffn_dim=32, decoder_attention_heads=2, num_queries=20,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    processor = GroundingDinoImageProcessor(size={"shortest_edge": 48, "longest_edge": 96})
    GroundingDinoProcessor(processor, tokenizer).save_pretrained(folder)


@pytest.mark.parametrize(
    ("write", "model"),
    [(tiny_dfine, od.DFINE), (tiny_rt_detr, od.RT_DETR), (tiny_yolos, od.YOLOS)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_transformers_of_the_hub_load_and_answer(write, model, tmp_path):
    write(tmp_path)
    network = model.load(tmp_path)
    found = network(PIL.Image.open(EXAMPLES / "coffee.jpg"), ())
    assert found.detections and found.proposals is None
    scores = [detection.score for detection in found.detections]
    assert scores == sorted(scores, reverse=True) and scores[-1] >= od.FLOOR
    for detection in found.detections:
        x1, y1, x2, y2 = detection.box
        assert 0 <= x1 <= x2 <= 600 and 0 <= y1 <= y2 <= 400 and detection.label in network.labels
    if model is od.YOLOS:
        heat = network.attention(PIL.Image.open(EXAMPLES / "coffee.jpg"), found.detections[0])
        assert heat.shape == (3, 4) and heat.max() == pytest.approx(1) and heat.min() >= 0


def test_networks_for_labels_of_ones_own_load_and_answer(tmp_path):
    tiny_grounding_dino(tmp_path)
    network = od.GROUNDING_DINO.load(tmp_path)
    # [CLS] a red helmet . cat . [SEP]
    assert network.prompt(["a red helmet", "Cat"])[1] == [None, 0, 0, 0, None, 1, None, None]
    found = network(PIL.Image.open(EXAMPLES / "coffee.jpg"), ["a red helmet", "Cat"])
    assert found.detections and {detection.label for detection in found.detections} <= {"a red helmet", "Cat"}
    network(PIL.Image.open(EXAMPLES / "coffee.jpg"), ["a red helmet red helmet red cat"] * od.MAX_LABELS)  # cut at 256


def test_own_labels_are_counted():
    class Network:
        labels = None

        def __init__(self, folder):
            pass

        def __call__(self, picture, labels):
            return od.Found([Detection(label, 0.9, (0, 0, 1, 1)) for label in labels])

    model = models.Model("test", Network, yolox.SOURCE, "test", 1, 1, "MIT", "")
    assert [d.label for d in od.detect(LION, model, labels=[" cat", "", "cat", "dog"], merge=False)] == ["cat", "dog"]
    for labels in ((), [" "], [str(number) for number in range(od.MAX_LABELS + 1)]):
        with pytest.raises(BadInput, match="type 1 to"):
            od.detect(LION, model, labels=labels)
