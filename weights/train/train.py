"""Train a DenseNet-BC on CIFAR-10 on a CPU with AVX-512 bf16 instructions.

    python train.py --data cifar10-png.zip --out run

The same command resumes an interrupted run.  README.md describes the recipe.
Maps are [N, C, H, W] tensors in channels-last memory throughout.
"""

import argparse
import ctypes
import io
import json
import math
import os
import subprocess
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
MEAN = torch.tensor([0.4914, 0.4822, 0.4465])
STD = torch.tensor([0.2470, 0.2435, 0.2616])

EPS = 1e-5
HERE = Path(__file__).resolve().parent


# ----------------------------------------------------------------------------- model


class DenseLayer(nn.Module):
    """Bottleneck layer: [N, in, H, W] -> the `growth` new features [N, growth, H, W]."""

    def __init__(self, in_channels, growth, bottleneck):
        super().__init__()
        width = bottleneck * growth
        self.bn1 = nn.BatchNorm2d(in_channels, EPS)
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, EPS)
        self.conv2 = nn.Conv2d(width, growth, 3, padding=1, bias=False)

    def forward(self, x):
        x = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(x)))


class DenseBlock(nn.Module):
    """`layers` dense layers: [N, C, H, W] -> [N, C + layers * growth, H, W]."""

    def __init__(self, layers, in_channels, growth, bottleneck):
        super().__init__()
        self.layer = nn.ModuleList(
            DenseLayer(in_channels + i * growth, growth, bottleneck) for i in range(layers)
        )

    def forward(self, x):
        for layer in self.layer:
            x = torch.cat([x, layer(x)], 1)
        return x


class Transition(nn.Module):
    """Compress channels and halve resolution: [N, C, H, W] -> [N, C', H/2, W/2]."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels, EPS)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x):
        return F.avg_pool2d(self.conv1(F.relu(self.bn1(x))), 2)


class DenseNet(nn.Module):
    """DenseNet-BC with a CIFAR stem: [N, 3, 32, 32] -> logits [N, classes]."""

    def __init__(self, blocks, growthRate, initFeatures, bottleneck=4, compression=0.5, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, initFeatures, 3, padding=1, bias=False)
        self.num_blocks = len(blocks)
        channels = initFeatures
        for b, layers in enumerate(blocks, start=1):
            self.add_module(f"block{b}", DenseBlock(layers, channels, growthRate, bottleneck))
            channels += layers * growthRate
            if b < len(blocks):
                out = math.floor(channels * compression)
                self.add_module(f"trans{b}", Transition(channels, out))
                channels = out
        self.bn1 = nn.BatchNorm2d(channels, EPS)
        self.fc = nn.Linear(channels, classes)

    def stages(self):
        """Yield (block, transition or None) in order."""
        for b in range(1, self.num_blocks + 1):
            yield getattr(self, f"block{b}"), getattr(self, f"trans{b}", None)

    def forward(self, x):
        x = self.conv1(x)
        for block, transition in self.stages():
            x = block(x)
            if transition is not None:
                x = transition(x)
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


# --------------------------------------------------------------- fast training path
#
# A feature map's batch statistics do not depend on which layer reads it, so each
# feature is normalised once, when it is produced, into the dense block's buffer;
# every later BN-ReLU is then only relu(gamma * xhat + beta).


def build_kernels():
    """Compile kernels.cpp (cached by modification time) and return the ctypes library."""
    source, library = HERE / "kernels.cpp", Path("/tmp/densenet_train_kernels.so")
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        flags = ["-O3", "-march=native", "-fopenmp", "-std=c++17", "-shared", "-fPIC"]
        subprocess.run(["g++", *flags, str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


KERNELS = build_kernels()


def call(name, *args):
    """Call a kernel: tensors pass as pointers, ints as long, floats as float."""
    convert = {int: ctypes.c_long, float: ctypes.c_float}
    KERNELS[name](
        *(
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else convert[type(a)](a)
            for a in args
        )
    )


def conv_gradients(grad, x, weight, padding):
    """(d_x, d_weight) of F.conv2d(x, weight, padding=padding)."""
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], [padding] * 2, [1, 1], False, [0, 0], 1, [True, True, False]
    )[:2]


def to_bf16(weight):
    return weight.detach().to(torch.bfloat16, memory_format=torch.channels_last)


class DenseBlockFunction(torch.autograd.Function):
    """A dense block and the BN-ReLU behind it, in bf16.

    Input [N, C, H, W] raw features; output [N, C + L*k, H, W] after the closing BN-ReLU.
    `params` holds (gamma1, beta1, weight1, gamma2, beta2, weight2) per layer, then the
    closing (gamma, beta), all float32.
    """

    @staticmethod
    def forward(ctx, x, *params):
        *layers, (gamma, beta) = [params[i : i + 6] for i in range(0, len(params), 6)]
        n, c, h, w = x.shape
        growth = layers[0][5].shape[0]
        total = c + growth * len(layers)
        rows = n * h * w
        buffer = new_map(n, total, h, w)
        rstd = torch.empty(total)
        mean = torch.empty(total)
        call("normalise_forward", x, rows, c, EPS, mean, rstd, buffer, total)
        hidden = []
        for g1, b1, w1, g2, b2, w2 in layers:
            w1, w2 = to_bf16(w1), to_bf16(w2)
            a = new_map(n, c, h, w)
            call("affine_relu_forward", buffer, total, rows, c, g1, b1, a)
            z = F.conv2d(a, w1)
            stats = torch.empty(2, z.shape[1])
            a = torch.empty_like(z)
            call("bn_relu_forward", z, rows, z.shape[1], EPS, g2, b2, stats[0], stats[1], a)
            y = F.conv2d(a, w2, padding=1)
            call("normalise_forward", y, rows, growth, EPS, mean[c:], rstd[c:], buffer[:, c:], total)
            hidden.append((z, a, stats, w1, w2))
            c += growth
        out = new_map(n, c, h, w)
        call("affine_relu_forward", buffer, total, rows, c, gamma, beta, out)
        ctx.state = layers, gamma, beta, buffer, rstd, hidden
        return out

    @staticmethod
    def backward(ctx, grad):
        layers, gamma, beta, buffer, rstd, hidden = ctx.state
        ctx.state = None
        n, total, h, w = buffer.shape
        rows = n * h * w
        growth = layers[0][5].shape[0]
        grad = grad.contiguous(memory_format=torch.channels_last)
        d_buffer = torch.empty_like(buffer)
        tail = torch.empty(2, total)
        call("affine_relu_backward", grad, buffer, total, rows, total, gamma, beta,
             tail[0], tail[1], d_buffer, 1)  # fmt: skip
        gradients = [tail[0], tail[1]]
        c = total
        for (g1, b1, _, g2, b2, _), (z, a, stats, w1, w2) in zip(reversed(layers), reversed(hidden)):
            c -= growth
            width = z.shape[1]
            dy = new_map(n, growth, h, w)
            call("normalise_backward", d_buffer[:, c:], buffer[:, c:], total, rows, growth,
                 rstd[c:], dy)  # fmt: skip
            da, dw2 = conv_gradients(dy, a, w2, 1)
            d2 = torch.empty(2, width)
            call("bn_relu_backward", da, z, rows, width, g2, b2, stats[0], stats[1],
                 d2[0], d2[1], a)  # fmt: skip
            dz, a = a, new_map(n, c, h, w)
            call("affine_relu_forward", buffer, total, rows, c, g1, b1, a)
            da, dw1 = conv_gradients(dz, a, w1, 0)
            d1 = torch.empty(2, c)
            call("affine_relu_backward", da, buffer, total, rows, c, g1, b1,
                 d1[0], d1[1], d_buffer, 0)  # fmt: skip
            gradients = [d1[0], d1[1], dw1.float(), d2[0], d2[1], dw2.float(), *gradients]
        dx = new_map(n, c, h, w)
        call("normalise_backward", d_buffer, buffer, total, rows, c, rstd, dx)
        return dx, *gradients


def new_map(n, c, h, w):
    """An uninitialised bf16 feature map [n, c, h, w] in channels-last memory."""
    return torch.empty(n, h, w, c, dtype=torch.bfloat16).permute(0, 3, 1, 2)


def fast_forward(model, x):
    """Training-mode logits of `model` for a bf16 channels-last batch [N, 3, H, W]."""
    x = F.conv2d(x, model.conv1.weight.bfloat16(), padding=1)
    for block, transition in model.stages():
        params = []
        for layer in block.layer:
            params += [layer.bn1.weight, layer.bn1.bias, layer.conv1.weight]
            params += [layer.bn2.weight, layer.bn2.bias, layer.conv2.weight]
        closing = model.bn1 if transition is None else transition.bn1
        x = DenseBlockFunction.apply(x, *params, closing.weight, closing.bias)
        if transition is not None:
            # Average pooling commutes with the 1x1 convolution; pooling first is cheaper.
            x = F.conv2d(F.avg_pool2d(x, 2), transition.conv1.weight.bfloat16())
    return model.fc(x.float().mean((2, 3)))


# ------------------------------------------------------------------------------ data


def load_dataset(archive, cache):
    """Decode the PNG archive once; return {split}_x uint8 [N, 32, 32, 3], _y and _files.

    Images are ordered by class, then by file name.
    """
    if not cache.exists():
        arrays = {}
        with zipfile.ZipFile(archive) as z:
            for split in ("train", "test"):
                files = [n for n in sorted(z.namelist()) if n.endswith(".png")]
                files = [n for c in CLASSES for n in files if n.startswith(f"{split}/{c}/")]
                decode = lambda name: np.asarray(Image.open(io.BytesIO(z.read(name))).convert("RGB"))
                arrays[f"{split}_x"] = np.stack([decode(name) for name in files])
                arrays[f"{split}_y"] = np.array([CLASSES.index(n.split("/")[1]) for n in files])
                arrays[f"{split}_files"] = np.array(files)
        write_atomically(cache, lambda path: np.savez(path, **arrays), suffix=".npz")
    with np.load(cache) as arrays:
        return {name: arrays[name] for name in arrays.files}


def normalise(images):
    """uint8 [N, H, W, 3] -> normalised float32 channels-last [N, 3, H, W]."""
    return ((images.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)


class Augmenter:
    """Random translations by up to 4 pixels (reflected border) and alternating flips."""

    def __init__(self, images, labels, seed):
        """images: uint8 [N, 32, 32, 3]; labels: int64 [N]."""
        self.labels, self.seed = labels, seed
        padded = F.pad(images.permute(0, 3, 1, 2).float(), (4,) * 4, mode="reflect").to(torch.uint8)
        padded = padded.permute(0, 2, 3, 1).contiguous()
        # Every 32x32 window of every image: a [N, 9, 9, 32, 32, 3] view.
        self.windows = padded.unfold(1, 32, 1).unfold(2, 32, 1).permute(0, 1, 2, 4, 5, 3)
        self.first_flip = torch.rand(len(labels), generator=self.generator(-1)) < 0.5

    def generator(self, stream):
        return torch.Generator().manual_seed(self.seed * 1_000_003 + stream + 1)

    def epoch_order(self, epoch):
        return torch.randperm(len(self.labels), generator=self.generator(10**8 + epoch))

    def batch(self, indices, epoch, stream, size, cutout):
        """Augmented bf16 images [n, 3, size, size] and labels [n]; `stream` seeds them."""
        generator = self.generator(stream)
        shift = torch.randint(0, 9, (2, len(indices)), generator=generator)
        x = normalise(self.windows[indices, shift[0], shift[1]])
        flip = self.first_flip[indices] ^ bool(epoch % 2)
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
        if cutout:
            x = x.masked_fill(self.squares(len(indices), cutout, generator), 0)
        if size != 32:
            x = F.interpolate(x, size=size, mode="bilinear", antialias=True)
        return x.to(torch.bfloat16, memory_format=torch.channels_last), self.labels[indices]

    @staticmethod
    def squares(count, side, generator):
        """Masks [count, 1, 32, 32] of one random square each, clipped at the border."""
        corner = torch.randint(1 - side, 32, (2, count, 1), generator=generator)
        offset = torch.arange(32) - corner
        rows, columns = (offset >= 0) & (offset < side)
        return (rows[:, :, None] & columns[:, None, :])[:, None]


# ------------------------------------------------------------------- initial weights


def whitening_filters(images, count):
    """Unit-norm 3x3 filters [count, 3, 3, 3] that whiten image patches.

    The eigenvectors of the patch covariance with both signs, then random mixtures of
    the whitened directions.
    """
    x = normalise(images[:: max(1, len(images) // 2000)])
    patches = F.unfold(x, 3).permute(0, 2, 1).reshape(-1, 27)
    patches = patches - patches.mean(0)
    variance, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    directions = vectors.T.flip(0)
    mixtures = torch.randn(count, 27) @ (directions / variance.flip(0).sqrt()[:, None])
    filters = torch.cat([directions, -directions, mixtures])[:count]
    return F.normalize(filters, dim=1).view(count, 3, 3, 3)


def initialise(model, images):
    """Fix the stem to whitening filters and scale the other convolutions (see Optimizer)."""
    model.conv1.weight.data = whitening_filters(images, model.conv1.out_channels)
    model.conv1.weight.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module is not model.conv1:
            rescale(module.weight.data)
    nn.init.zeros_(model.fc.weight)
    nn.init.zeros_(model.fc.bias)


# ------------------------------------------------------------------------- optimizer


def rescale(weight):
    """Give the rows of a convolution weight [out, ...] a root-mean-square norm of 1."""
    weight.mul_(math.sqrt(weight.shape[0]) / weight.norm())


def orthogonalise(matrices):
    """Replace the singular values of each [B, m, n] matrix by about 1 (Newton-Schulz)."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return (x.mT if tall else x).float()


class Optimizer:
    """Muon for the convolutions, Adam for batch norms and the classifier.

    A batch normalisation follows every convolution, so only the direction of its weight
    matters: the norm is fixed and the learning rate is a relative step.
    """

    def __init__(self, model, muon_lr, adam_lr, momentum=0.95):
        self.muon_lr, self.adam_lr, self.momentum = muon_lr, adam_lr, momentum
        params = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in params if p.dim() == 4]
        self.groups = {}
        for p in matrices:
            self.groups.setdefault((p.shape[0], p[0].numel()), []).append(p)
        self.velocity = {s: torch.zeros(len(g), *s) for s, g in self.groups.items()}
        self.adam = torch.optim.Adam([p for p in params if p.dim() < 4], betas=(0.9, 0.98))

    @torch.no_grad()
    def step(self, scale):
        """One update from the .grad fields with both learning rates times `scale`."""
        for shape, group in self.groups.items():
            grad = torch.stack([p.grad.reshape(shape) for p in group])
            velocity = self.velocity[shape].mul_(self.momentum).add_(grad)
            update = orthogonalise(grad.add_(velocity, alpha=self.momentum))
            for p, u in zip(group, update):
                p.sub_(u.view_as(p), alpha=self.muon_lr * scale)
                rescale(p)
        self.adam.param_groups[0]["lr"] = self.adam_lr * scale
        self.adam.step()

    def state_dict(self):
        return {"velocity": self.velocity, "adam": self.adam.state_dict()}

    def load_state_dict(self, state):
        self.velocity = state["velocity"]
        self.adam.load_state_dict(state["adam"])


# ---------------------------------------------------------------------- training loop


def learning_rate_scale(progress, warmup=0.05):
    """Linear warm-up, then linear decay to zero at progress 1."""
    return min(progress / warmup, (1 - progress) / (1 - warmup)) if progress < 1 else 0.0


def image_size(progress):
    """Train on smaller images first."""
    return 24 if progress < 0.35 else 28 if progress < 0.6 else 32


def cutout_side(progress):
    """Hide a small square of each image, except near the end."""
    return 8 if progress < 0.85 else 0


class Workers:
    """Single-threaded workers that share the micro-batches of a step.

    Workers pull from one queue, so a core that is busy with other programs slows the
    step down in proportion instead of stalling every parallel loop.
    """

    def __init__(self, model, augmenter, count, micro_batch, smoothing):
        self.model, self.augmenter = model, augmenter
        self.micro_batch, self.smoothing = micro_batch, smoothing
        self.params = [p for p in model.parameters() if p.requires_grad]
        self.count = count
        self.lock = threading.Lock()
        self.pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def gradients(self, indices, epoch, step, size, cutout):
        """Set .grad to the batch's mean gradient; return (mean loss, correct count)."""
        for p in self.params:
            p.grad = torch.zeros_like(p)
        jobs = enumerate(indices.split(self.micro_batch))
        share = self.micro_batch / len(indices)
        results = []

        def work():
            while True:
                with self.lock:
                    job = next(jobs, None)
                if job is None:
                    return
                stream = step * 1000 + job[0]
                x, y = self.augmenter.batch(job[1], epoch, stream, size, cutout)
                logits = fast_forward(self.model, x)
                loss = F.cross_entropy(logits, y, label_smoothing=self.smoothing)
                gradients = torch.autograd.grad(loss, self.params)
                with self.lock:
                    for p, g in zip(self.params, gradients):
                        p.grad.add_(g, alpha=share)
                    results.append((loss.item() * share, (logits.argmax(1) == y).sum().item()))

        for future in [self.pool.submit(work) for _ in range(self.count)]:
            future.result()
        losses, correct = zip(*results)
        return sum(losses), sum(correct)


def write_atomically(path, write, suffix=".tmp"):
    """Call write(temporary path), then rename the result to `path`."""
    temporary = path.with_name(path.name + suffix)
    write(temporary)
    os.replace(temporary, path)


def train(model, augmenter, args, log):
    """Run or resume the schedule, which is driven by accumulated training time."""
    optimizer = Optimizer(model, args.muon_lr, args.adam_lr)
    workers = Workers(model, augmenter, args.workers, args.micro_batch, args.smoothing)
    checkpoint = args.out / "checkpoint.pth"
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, elapsed = state["step"], state["elapsed"]

    def save():
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"step": step, "elapsed": elapsed}
        write_atomically(checkpoint, lambda path: torch.save(state, path))

    per_epoch = len(augmenter.labels) // args.batch
    seconds, window, saved = args.minutes * 60, [], elapsed
    model.train()
    while elapsed < seconds:
        start, progress = time.monotonic(), elapsed / seconds
        epoch, position = divmod(step, per_epoch)
        if position == 0 or not window:
            order = augmenter.epoch_order(epoch)
        indices = order[position * args.batch : (position + 1) * args.batch]
        size, scale = image_size(progress), learning_rate_scale(progress)
        loss, correct = workers.gradients(indices, epoch, step, size, cutout_side(progress))
        optimizer.step(scale)
        step += 1
        window.append((loss, correct, time.monotonic() - start))
        elapsed += window[-1][2]
        if step % 50 == 0:
            recent = window[-50:]
            log(step=step, epoch=round(step / per_epoch, 3), elapsed=round(elapsed, 1), size=size,
                lr_scale=round(scale, 4), loss=round(sum(r[0] for r in recent) / len(recent), 4),
                accuracy=round(sum(r[1] for r in recent) / len(recent) / args.batch, 4),
                images_per_second=round(len(recent) * args.batch / sum(r[2] for r in recent), 1))  # fmt: skip
        if elapsed - saved > 120:
            save()
            saved = elapsed
    save()


# ------------------------------------------------------------- evaluation and export


@torch.no_grad()
def calibrate(model, images, batch=500):
    """Set the batch-norm statistics to their averages over `images` (uint8)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    model.train()
    for chunk in images.split(batch):
        model(normalise(chunk))


@torch.no_grad()
def predict(model, images, batch=500):
    """Logits [N, 10] of uint8 images, single view, float32."""
    model.eval()
    return torch.cat([model(normalise(chunk)) for chunk in images.split(batch)])


def correct_count(logits, labels):
    return (logits.argmax(1) == labels).sum().item()


def count_macs(model):
    """Multiply-accumulates of the convolutions and the classifier for one 32x32 image."""
    total = 0

    def add(module, _, output):
        nonlocal total
        total += module.weight.numel() * output[0, 0].numel()

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    model.eval()(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return total


def network_state(model):
    """The inference tensors, float32 and contiguous."""
    state = model.state_dict().items()
    return {k: v.float().contiguous() for k, v in state if not k.endswith("num_batches_tracked")}


def export(model, out, name):
    """Write NAME.pth and NAME.safetensors."""
    state = network_state(model)
    write_atomically(out / f"{name}.pth", lambda path: torch.save({"state_dict": state}, path))
    write_atomically(out / f"{name}.safetensors", lambda path: save_file(state, path))


def evaluate(model, data, architecture, out):
    """Score the test set with float32 and float16-rounded weights; write eval.json."""
    images, labels = torch.from_numpy(data["test_x"]), torch.from_numpy(data["test_y"])
    logits = predict(model, images)
    rounded = DenseNet(**architecture)
    rounded.load_state_dict({k: v.half().float() for k, v in network_state(model).items()}, False)
    np.save(out / "test_logits_f32.npy", logits.numpy())
    (out / "test_files.txt").write_text("\n".join(data["test_files"]) + "\n")
    result = {
        "architecture": architecture,
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": count_macs(model),
        "testCorrectF32": correct_count(logits, labels),
        "testCorrectF16Weights": correct_count(predict(rounded, images), labels),
        "predictions file": str(out / "test_logits_f32.npy"),
    }
    (out / "eval.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


# ------------------------------------------------------------------------------- main


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="zip of {train,test}/CLASS/*.png")
    parser.add_argument("--out", type=Path, required=True, help="directory for all outputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=70, help="training time")
    parser.add_argument("--blocks", type=int, nargs="+", default=[2, 5, 10])
    parser.add_argument("--growth", type=int, default=32)
    parser.add_argument("--init-features", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--micro-batch", type=int, default=64, help="batch-norm batch")
    parser.add_argument("--muon-lr", type=float, default=0.03)
    parser.add_argument("--adam-lr", type=float, default=0.005)
    parser.add_argument("--smoothing", type=float, default=0.1, help="label smoothing")
    parser.add_argument("--workers", type=int, default=2, help="training threads")
    return parser.parse_args()


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.workers)
    data = load_dataset(args.data, args.out / "cifar10.npz")
    images, labels = torch.from_numpy(data["train_x"]), torch.from_numpy(data["train_y"])
    architecture = {
        "blocks": args.blocks,
        "growthRate": args.growth,
        "initFeatures": args.init_features,
        "bottleneck": 4,
        "compression": 0.5,
        "classes": 10,
    }
    (args.out / "arch.json").write_text(json.dumps(architecture, indent=2) + "\n")
    model = DenseNet(**architecture)
    initialise(model, images)

    def log(**record):
        with open(args.out / "log.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")

    train(model, Augmenter(images, labels, args.seed), args, log)
    calibrate(model, images[torch.randperm(len(images))[:20000]])
    export(model, args.out, "final")
    print(json.dumps(evaluate(model, data, architecture, args.out), indent=2))


if __name__ == "__main__":
    main()
