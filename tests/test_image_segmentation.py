"""Masks agree with those drawn by hand, modes and clicks do what they say, and every kind of network answers alike."""

from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image
import pytest
import skimage.data

from tasks import image_segmentation as seg
from tasks import models
from tasks.errors import BadInput
from tasks.image_segmentation_networks import Segment
from tasks.settings import EXAMPLES, ROOT

DATA = ROOT / "tests/data"
SKIMAGE = Path(skimage.data.__file__).parent
PICTURES = {
    "astronaut": EXAMPLES / "astronaut.jpg",
    "cameraman": SKIMAGE / "camera.png",
    "coffee": EXAMPLES / "coffee.jpg",
    "hopper": DATA / "grace_hopper.jpg",
    "motorcycle": SKIMAGE / "motorcycle_left.png",
}


def marked(name: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(DATA / f"masks/{name}.png"))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize(
    "mask",
    ["astronaut_subject", "cameraman_subject", "coffee_subject", "hopper_person", "motorcycle_motorcycle"],
)
def test_cut_outs_agree_with_masks_drawn_by_hand(mask):
    picture = seg.cut_out(PICTURES[mask.split("_")[0]])
    assert picture.mode == "RGBA"
    assert iou(np.asarray(picture.getchannel("A")) > 127, marked(mask)) >= 0.85


@pytest.mark.parametrize(
    "mask", ["astronaut_person", "cameraman_person", "coffee_cup", "hopper_person", "motorcycle_motorcycle"]
)
def test_instances_agree_with_masks_drawn_by_hand(mask):
    picture, label = mask.split("_")
    (found,) = (found for found in seg.segment(PICTURES[picture]) if found.label == label)
    assert found.name == f"{label} 1" and iou(found.mask, marked(mask)) >= 0.7


@pytest.fixture(scope="module")
def collage():
    return seg.segment(EXAMPLES / "collage.jpg")


def test_instances_are_numbered_by_certainty_and_do_not_overlap(collage):
    names = {found.name: found for found in collage}
    assert {"person 1", "person 2", "cat 1", "cup 1"} <= set(names)
    assert names["person 1"].score > names["person 2"].score
    assert np.sum([found.mask for found in collage], axis=0).max() == 1
    assert all(found.mask.shape == (800, 960) for found in collage)


def test_semantic_map_joins_instances(collage):
    where, labels = seg.semantic_map(collage)
    people = where == labels.index("person") + 1
    assert people.sum() == sum(found.mask.sum() for found in collage if found.label == "person")
    assert people[200, 150] and people[600, 780] and where[0, 399] == 0
    assert seg.semantic_map([])[1] == []


@pytest.mark.parametrize(
    "picture",
    [
        PIL.Image.new("RGB", (400, 300), (120, 130, 140)),
        PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)),
        skimage.data.brick(),
        skimage.data.grass(),
        skimage.data.moon(),
    ],
    ids=["plain", "noise", "bricks", "grass", "moon surface"],
)
def test_a_picture_without_subject_says_so(picture):
    with pytest.raises(BadInput, match="no clear subject"):
        seg.cut_out(picture)


def test_small_subjects_count():
    opacity = np.asarray(seg.cut_out(skimage.data.rocket()).getchannel("A")) > 127
    assert 0.01 < opacity.mean() < 0.05 and opacity[120:, 280:370].sum() > 0.9 * opacity.sum()


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (4000, 3000)])
def test_every_size_goes_through(size):
    assert seg.segment(PIL.Image.new("RGB", size, "white")) == []


def test_a_click_finds_the_smallest_object_and_else_looks_closely():
    assert seg.segment_at(EXAMPLES / "collage.jpg", 780, 735).label == "tie"  # on a person
    rocket = seg.segment_at(skimage.data.rocket(), 322, 250)  # nothing COCO has a name for
    assert rocket.label == "object" and rocket.mask[250, 322] and rocket.mask.mean() < 0.1
    assert seg.segment_at(PIL.Image.new("RGB", (300, 200), "grey"), 100, 100) is None
    assert seg.segment_at(PIL.Image.new("RGB", (10_004, 7), "grey"), 10_003, 6) is None
    with pytest.raises(BadInput, match="outside"):
        seg.segment_at(EXAMPLES / "coffee.jpg", 600, 10)


def test_backgrounds():
    picture = PIL.Image.new("RGB", (60, 40), "red")
    opacity = PIL.Image.new("L", (60, 40))
    opacity.paste(255, (0, 0, 30, 40))
    other = PIL.Image.new("RGB", (10, 10), "blue")

    def pixels(kind):
        result = seg.on_background(picture, opacity, kind, "#00ff00", other)
        return result.getpixel((5, 5)), result.getpixel((55, 5))

    assert pixels(seg.TRANSPARENT) == ((255, 0, 0, 255), (255, 0, 0, 0))
    assert pixels(seg.COLOUR) == ((255, 0, 0), (0, 255, 0))
    assert pixels(seg.PICTURE) == ((255, 0, 0), (0, 0, 255))
    assert pixels(seg.BLUR)[0] == (255, 0, 0)
    assert seg.rgb("rgba(15.3, 118, 109.8, 1)") == seg.rgb("#0f766e") == (15, 118, 110)
    with pytest.raises(BadInput, match="no colour"):
        seg.rgb("rgb(red)")
    with pytest.raises(BadInput, match="Choose the picture"):
        seg.on_background(picture, opacity, seg.PICTURE, "", None)


# The tab's handlers: what was computed once is not computed again.


class Network:
    """Two squares and a subject; counts what is asked of it."""

    def __init__(self, folder):
        self.asked = []

    def __call__(self, picture):
        self.asked.append("segments")
        for row in (0, 20):
            mask = np.zeros((picture.height, picture.width), bool)
            mask[row : row + 100, row : row + 100] = True
            yield [Segment("square", 1 + row // 20, 0.9, mask, mask * np.uint8(200))]

    def matte(self, picture):
        self.asked.append("matte")
        return np.eye(8, dtype=np.float32)

    def at(self, picture, x, y):
        self.asked.append("at")


@pytest.fixture
def tab(monkeypatch):
    model = models.Model("squares", Network, seg.DEFAULT.source, "test", 1, 1, "MIT", "")
    monkeypatch.setattr(seg, "MODELS", (*seg.MODELS, model))
    with models.use(model) as network:
        yield network


BACKGROUND = (seg.TRANSPARENT, "#000000", None)


def test_modes_and_clicks_run_the_network_once(tab):
    picture = str(EXAMPLES / "coffee.jpg")
    *_, (_, status, session) = seg.on_segment(picture, "squares", seg.INSTANCE, *BACKGROUND)
    assert status.endswith("1 segments") and tab.asked == ["segments"]
    for mode in (seg.SEMANTIC, seg.INSTANCE):
        (row,) = seg.on_mode(picture, "squares", mode, *BACKGROUND, session)
        assert row[0].size == session.picture.size
    assert tab.asked == ["segments"]
    *_, (_, _, session, visible) = seg.on_mode(picture, "squares", seg.CUT_OUT, *BACKGROUND, session)
    assert tab.asked == ["segments", "matte"] and visible["visible"]
    for kind in (seg.BLUR, seg.COLOUR, seg.TRANSPARENT):
        seg.on_show(session, seg.CUT_OUT, seg.EVERYTHING, kind, "#00ff00", None)
    assert tab.asked == ["segments", "matte"]

    click = gr.SelectData(None, {"index": (50, 50), "value": None})
    session, radio = seg.on_click(session, seg.INSTANCE, None, click)
    assert radio["value"] == "square 2" and tab.asked == ["segments", "matte"]
    assert seg.on_click(session, seg.INSTANCE, "square 2", click)[1]["value"] == seg.EVERYTHING
    with pytest.raises(BadInput, match="no object there"):
        seg.on_click(session, seg.INSTANCE, None, gr.SelectData(None, {"index": (500, 300), "value": None}))
    assert tab.asked[-1] == "at"


def test_isolating_dims_the_rest(tab):
    *_, (everything, _, session) = seg.on_segment(str(EXAMPLES / "coffee.jpg"), "squares", seg.INSTANCE, *BACKGROUND)
    alone = seg.on_show(session, seg.INSTANCE, "square 2", *BACKGROUND)[0]
    assert alone.getpixel((100, 100)) == session.picture.getpixel((100, 100))
    assert sum(alone.getpixel((500, 50))) < sum(everything.getpixel((500, 50))) / 2


def test_the_download_is_as_large_as_the_picture(tab):
    picture = str(SKIMAGE / "motorcycle_left.png")
    *_, (_, _, session) = seg.on_segment(picture, "squares", seg.CUT_OUT, *BACKGROUND)
    file = PIL.Image.open(seg.on_file(picture, session, seg.CUT_OUT, None, *BACKGROUND)["value"])
    assert file.mode == "RGBA" and file.size == (741, 500)
    *_, (_, _, session) = seg.on_segment(picture, "squares", seg.SEMANTIC, *BACKGROUND)
    file = PIL.Image.open(seg.on_file(picture, session, seg.SEMANTIC, None, *BACKGROUND)["value"])
    assert file.size == (741, 500) and {colour for _, colour in file.getcolors()} == {
        (0, 0, 0),
        seg.colour("square"),
    }


def test_the_included_network_says_what_it_has_no_name_for():
    session = seg.Session(seg.DEFAULT, PIL.Image.new("RGB", (8, 8)), [])
    assert "100% of the pixels have no name" in seg.unnamed(session, seg.SEMANTIC)
    assert seg.EOMT.name in seg.unnamed(session, seg.SEMANTIC)
    assert seg.unnamed(seg.Session(seg.EOMT, session.picture, []), seg.SEMANTIC) == ""


# Networks of the Hub, small and untrained: of the same classes, saved as the Hub saves them.


def tiny_eomt(folder):
    from transformers import EomtConfig, EomtForUniversalSegmentation, EomtImageProcessor

    config = EomtConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=64, num_blocks=1, num_queries=8,
        image_size=64, patch_size=16, num_labels=3, num_upscale_blocks=2,
    )  # fmt: skip
    EomtForUniversalSegmentation(config).save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 64}
    EomtImageProcessor(size=size, do_pad=True, do_split_image=False).save_pretrained(folder)


def tiny_mask2former(folder):
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessor

    config = Mask2FormerConfig(
        backbone_config={
            "model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "window_size": 2,
            "image_size": 64, "out_features": ["stage1", "stage2", "stage3", "stage4"],
        },
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=32, encoder_layers=1,
        decoder_layers=2, num_attention_heads=2, dim_feedforward=32, num_queries=8, num_labels=3,
    )  # fmt: skip
    Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    Mask2FormerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def tiny_segformer(folder):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16,
        num_labels=5,
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


@pytest.mark.parametrize(
    ("write", "model"),
    [(tiny_eomt, seg.EOMT), (tiny_mask2former, seg.MASK2FORMER), (tiny_segformer, seg.SEGFORMER)],
    ids=["EoMT", "Mask2Former", "SegFormer"],
)
def test_networks_of_the_hub_load_and_answer(write, model, tmp_path):
    write(tmp_path)
    network = model.load(tmp_path)
    picture = PIL.Image.open(EXAMPLES / "coffee.jpg")
    *_, segments = network(picture)
    for found in segments:
        assert found.mask.shape == (400, 600) and found.mask.dtype == bool and 0 <= found.score <= 1
        assert found.label.startswith("LABEL_")
    if model is seg.SEGFORMER:
        assert segments and np.sum([found.mask for found in segments], axis=0).max() == 1
    assert network.matte(picture) is None  # no thing of COCO among them
    assert network.at(picture, 10, 10) is None


def test_universal_networks_count_things(tmp_path, monkeypatch):
    """What the processor found becomes numbered segments, and its things the subject."""
    import torch

    tiny_eomt(tmp_path)
    network = seg.EOMT.load(tmp_path)
    network.net.config.id2label = {0: "person", 1: "sky", 2: "grass"}
    where = torch.tensor([[0, 0, 1, 2]]).repeat(4, 1)
    info = [{"id": i, "label_id": label, "score": 0.9 - 0.1 * i} for i, label in enumerate((0, 0, 1))]
    found = [{"segmentation": where, "segments_info": info}]
    monkeypatch.setattr(network.processor, "post_process_panoptic_segmentation", lambda *args, **kwargs: found)
    picture = PIL.Image.new("RGB", (4, 4))
    (segments,) = network(picture)
    assert [found.name for found in segments] == ["person 1", "person 2", "sky 1"]
    assert network.matte(picture).tolist() == [[1, 1, 1, 0]] * 4


def test_sam_answers_to_a_click(tmp_path):
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=16, num_attention_heads=1, image_size=[128, 128], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[16, 32, 64, 128], num_attention_heads_per_stage=[1, 1, 2, 2],
        global_attention_blocks=[3], window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[128, 64, 32, 16], fpn_hidden_size=32,
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
    )  # fmt: skip
    config = Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 128},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
    )
    Sam2Model(config).save_pretrained(tmp_path)
    network = seg.SAM.load(tmp_path)
    picture = PIL.Image.open(EXAMPLES / "coffee.jpg")
    found = network.at(picture, 300, 200)
    assert found.name == "object 1" and found.mask.shape == (400, 600) and 0 <= found.score <= 1
    assert list(network(picture)) == [[]] and network.matte(picture) is None
