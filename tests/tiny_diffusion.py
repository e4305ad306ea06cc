"""Diffusion pipelines of the Hub's layout, with random weights and as small as they come."""

import json
from pathlib import Path

import torch

WORDS = ["!", "<|startoftext|>", "<|endoftext|>", "a</w>", "cat</w>", "dog</w>", "make</w>", "it</w>", "winter</w>"]
TEXT = {
    "vocab_size": len(WORDS), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


def write_pipeline(
    folder: Path, name: str = "StableDiffusionPipeline", unet_inputs: int = 4, checked: bool = False,
    scheduler: str = "EulerDiscreteScheduler",
) -> None:  # fmt: skip
    """A Stable Diffusion pipeline of this class: config files, safetensors, tokenizer."""
    import diffusers
    from transformers import CLIPImageProcessor, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    pipeline = getattr(diffusers, name)(
        unet=diffusers.UNet2DConditionModel(
            sample_size=8, in_channels=unet_inputs, block_out_channels=(32, 64), layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=32,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=8,
        ),
        vae=diffusers.AutoencoderKL(
            block_out_channels=(16, 16), layers_per_block=1, norm_num_groups=8,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        ),
        text_encoder=CLIPTextModel(CLIPTextConfig(**TEXT)), tokenizer=tokenizer,
        scheduler=getattr(diffusers, scheduler)(beta_schedule="scaled_linear", steps_offset=1),
        safety_checker=safety_checker() if checked else None,
        feature_extractor=CLIPImageProcessor(crop_size={"height": 32, "width": 32}, size={"shortest_edge": 32}),
        requires_safety_checker=checked,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)


def safety_checker():
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    part = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = part | {"image_size": 32, "patch_size": 16}
    return StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, text_config=TEXT, projection_dim=16))


def write_controlnet(folder: Path, base: Path) -> None:
    """A ControlNet for the U-Net of the pipeline in `base`."""
    import diffusers

    unet = diffusers.UNet2DConditionModel.from_pretrained(base / "unet")
    control = diffusers.ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32))
    control.save_pretrained(folder, safe_serialization=True)
