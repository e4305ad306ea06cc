"""The photo of the cat says cat, and every way in gives an answer or a sentence."""

import numpy as np
import PIL.Image
import pytest
import skimage.data
import torch

from tasks import image_classification as ic
from tasks import models
from tasks.errors import BadInput
from tasks.settings import EXAMPLES, ROOT


@pytest.mark.parametrize("model", [ic.DEFAULT, ic.LITE0], ids=lambda model: model.name)
def test_photos_are_named(model):
    best = ic.classify(EXAMPLES / "cat.jpg", model)
    assert "cat" in best[0].label
    assert sum("cat" in prediction.label for prediction in best) >= 3
    assert "espresso" in ic.classify(EXAMPLES / "coffee.jpg", model)[0].label
    assert any("missile" in p.label or "projectile" in p.label for p in ic.classify(skimage.data.rocket(), model))


def test_scores_are_probabilities_best_first():
    everything = ic.classify(EXAMPLES / "cat.jpg", top_k=1000)
    scores = [prediction.score for prediction in everything]
    assert len(scores) == 1000 and scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-4)


def test_logits_are_those_of_the_authors_own_code():
    """The reference was computed with the package efficientnet-lite-pytorch 0.1.0 from the same weights."""
    reference = np.load(ROOT / "tests/data/efficientnet/lite2_rocket_logits.npz")["logits"]
    with models.use(ic.DEFAULT) as network, torch.inference_mode():
        logits = network.net(network.tensor(PIL.Image.fromarray(skimage.data.rocket())))[0].numpy()
    np.testing.assert_allclose(logits, reference, atol=1e-4)


def test_grad_cam_looks_at_the_animal():
    """A cat pasted into one corner of a plain picture must glow there."""
    scene = PIL.Image.new("RGB", (600, 600), (120, 140, 120))
    scene.paste(PIL.Image.open(EXAMPLES / "cat.jpg").resize((300, 300)), (40, 40))
    explanation = ic.explain(scene)
    assert "cat" in explanation.prediction.label and explanation.method == "Grad-CAM"
    heat = explanation.heat
    edge = int(np.ceil(0.575 * heat.shape[0]))  # where the cat ends in the crop
    assert heat[:edge, :edge].sum() > 0.85 * heat.sum()
    assert explanation.feature_maps.shape[0] == 32
    assert ic.overlay(explanation).size == (520, 520)
    assert ic.contact_sheet(explanation.feature_maps).getcolors(maxcolors=8) is None  # many greys


def test_explaining_another_label():
    explanation = ic.explain(EXAMPLES / "coffee.jpg", label="soup bowl")
    assert explanation.prediction.label == "soup bowl"
    with pytest.raises(BadInput, match="no label 'unicorn'"):
        ic.explain(EXAMPLES / "coffee.jpg", label="unicorn")


@pytest.mark.parametrize("architecture", ["convnext_atto", "vit_tiny_patch16_224", "mobilenetv4_conv_small"])
def test_hub_networks_of_timm_load_and_explain(architecture, tmp_path):
    import timm

    timm.models.save_for_hf(timm.create_model(architecture), tmp_path, safe_serialization=True)
    network = ic.TimmClassifier(tmp_path)
    x = network.tensor(PIL.Image.open(EXAMPLES / "cat.jpg"))
    probabilities = network.probabilities(x, network.labels)
    assert probabilities.shape == (1, 1000) and probabilities.sum() == pytest.approx(1, abs=1e-3)
    assert network.first_feature_maps(x).ndim == 3
    heat = network.grad_cam(x, 285)
    if heat is None:  # no feature maps at the end of a Transformer
        assert architecture.startswith("vit")
        heat = ic.occlusion(network, x, network.labels, 285)
    assert heat.min() >= 0 and heat.max() <= 1


def tiny_clip(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        PreTrainedTokenizerFast,
    )  # fmt: skip

    words = ["<pad>", "<start>", "<end>", "<unk>", "a", "photo", "of", "cat", "dog"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>", model_max_length=16
    )
    part = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=part | {"vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": 2},
        vision_config=part | {"image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPProcessor(CLIPImageProcessor(**size), tokenizer).save_pretrained(folder)


def test_networks_for_labels_of_ones_own_load(tmp_path):
    tiny_clip(tmp_path)
    network = ic.ZeroShotClassifier(tmp_path)
    x = network.tensor(PIL.Image.open(EXAMPLES / "cat.jpg"))
    shares = network.probabilities(x, ["cat", "dog", "a photo of a dog"])
    assert shares.shape == (1, 3) and shares.sum() == pytest.approx(1, abs=1e-4)
    assert network.seen(x).size == (32, 32)
    assert ic.occlusion(network, x, ["cat", "dog"], 0).shape == (ic.OCCLUSION_GRID, ic.OCCLUSION_GRID)


def test_own_labels_are_counted():
    class Network:
        labels = None

    assert ic.label_names(Network, [" cat", "dog ", "", "cat"]) == ["cat", "dog"]
    for labels in ([], ["cat"], [str(i) for i in range(ic.MAX_LABELS + 1)]):
        with pytest.raises(BadInput, match="type 2 to"):
            ic.label_names(Network, labels)
