"""StyleGAN2 in plain numpy, as the paper has it: weights modulated and demodulated, zeros put in, filters sliding.

Slow and small, and sharing no line with what it is held against.
"""

import numpy as np


def draw(config, tensors, ws, noisy: bool) -> np.ndarray:
    """Return the image (3, R, R) of ws (num_ws, w_dim), with the model's still noise or without."""
    x, image, index = tensors["synthesis.b4.const"].astype(float), None, 0
    for r in config.resolutions:
        at, before = f"synthesis.b{r}", x
        for name in config.convolutions(r):
            last = name.endswith("conv1")
            gain = np.sqrt(0.5) if last and r > 4 and config.block_architecture == "resnet" else 1.0
            x = convolution(tensors, name, x, ws[index], config.conv_clamp, gain, noisy)
            index += 1
        if r > 4 and config.block_architecture == "resnet":
            weight = tensors[f"{at}.skip.weight"][:, :, 0, 0] / np.sqrt(before.shape[0])
            x = x + np.sqrt(0.5) * double(np.einsum("oi,ihw->ohw", weight, before), tensors[f"{at}.resample_filter"])
        if image is not None:
            image = double(image, tensors[f"{at}.resample_filter"])
        if config.has_torgb(r):
            rgb = to_rgb(tensors, f"{at}.torgb", x, ws[index], config.conv_clamp)
            image = rgb if image is None else image + rgb
    assert image is not None
    return image


def affine(tensors, name, w):
    weight = tensors[f"{name}.affine.weight"]
    return weight @ w / np.sqrt(weight.shape[1]) + tensors[f"{name}.affine.bias"]


def convolution(tensors, name, x, w, clamp, gain, noisy):
    weight = tensors[f"{name}.weight"] * affine(tensors, name, w)[None, :, None, None]
    weight = weight / np.sqrt(np.square(weight).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
    if name.endswith("conv0"):
        # Stretched with zeros and convolved (kernels turned over, as transposed convolutions have them), then filtered.
        stretched = np.zeros((x.shape[0], 2 * x.shape[1] + 3, 2 * x.shape[2] + 3))
        stretched[:, 2:-1:2, 2:-1:2] = x
        x = correlate(stretched, weight[:, :, ::-1, ::-1])
        x = filtered(np.pad(x, [(0, 0), (1, 1), (1, 1)]), tensors[f"{name}.resample_filter"])
    else:
        x = correlate(np.pad(x, [(0, 0), (1, 1), (1, 1)]), weight)
    if noisy:
        x = x + tensors[f"{name}.noise_const"] * tensors[f"{name}.noise_strength"]
    x = x + tensors[f"{name}.bias"][:, None, None]
    x = np.where(x < 0, 0.2 * x, x) * np.sqrt(2) * gain
    return np.clip(x, -clamp * gain, clamp * gain) if clamp else x


def to_rgb(tensors, name, x, w, clamp):
    weight = tensors[f"{name}.weight"][:, :, 0, 0]
    style = affine(tensors, name, w) / np.sqrt(weight.shape[1])
    rgb = np.einsum("oi,ihw->ohw", weight * style, x) + tensors[f"{name}.bias"][:, None, None]
    return np.clip(rgb, -clamp, clamp) if clamp else rgb


def correlate(x, weight):
    """Slide weight (out, in, 3, 3) over x (in, H, W), where it fits."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))
    return np.einsum("ihwab,oiab->ohw", windows, weight)


def filtered(x, kernel):
    """Convolve every channel of x with kernel (4, 4), where it fits; its sum becomes 4."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape, axis=(1, 2))
    return 4 * np.einsum("ihwab,ab->ihw", windows, kernel[::-1, ::-1])


def double(x, kernel):
    stretched = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2]))
    stretched[:, ::2, ::2] = x
    return filtered(np.pad(stretched, [(0, 0), (2, 1), (2, 1)]), kernel)
