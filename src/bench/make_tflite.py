"""Writes the .tflite files that the benchmark's LiteRT.js peers run, with TensorFlow's converter.

    pip install tensorflow
    python3 src/bench/make_tflite.py [--cases densenet121:1,densenet-bc-100-12:1] [--output .cache/tflite]

`npm run bench -- --export` writes the files of each case: the list of operations that the TensorFlow.js peer executes,
its weights, and an input. Each list is rebuilt as a TensorFlow function of a fixed shape (NHWC, f32) and converted; the
result must compute what TensorFlow computes. Nothing else in the project needs TensorFlow.
"""
import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CASES = "densenet121:1,densenet121:8,densenet-bc-100-12:1,densenet-bc-100-12:32"
TOLERANCE = 1e-4


def apply(operation, inputs, tensors):
    """One operation of the list, on NHWC maps."""
    kind, x = operation["op"], inputs[0]
    if kind == "conv":
        weight, stride = tensors["weight"], operation.get("stride", 1)
        pad = (weight.shape[0] - 1) // 2
        # TensorFlow's SAME pads a stride of 2 on one side only.
        padding = "SAME" if stride == 1 else [[0, 0], [pad, pad], [pad, pad], [0, 0]]
        y = tf.nn.conv2d(x, weight, stride, padding) + tensors["bias"]
        return tf.nn.relu(y) if operation["relu"] else y
    if kind == "norm":
        return tf.nn.relu(x * tensors["scale"] + tensors["shift"])
    if kind == "concat":
        return tf.concat(inputs, 3)
    if kind == "maxPool":
        # Zeros are as good as minus infinity: what is pooled comes from a ReLU.
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")
    if kind == "averagePool":
        return tf.nn.avg_pool2d(x, 2, 2, "VALID")
    if kind == "globalAverage":
        return tf.reduce_mean(x, [1, 2])
    if kind == "linear":
        return tf.matmul(x, tensors["weight"]) + tensors["bias"]
    raise ValueError(f"{kind} is no operation of the benchmark")


def network(operations, weights):
    """A function from the image to the logits."""

    def tensor(stored):
        count = int(np.prod(stored["shape"]))
        return weights[stored["offset"] : stored["offset"] + count].reshape(stored["shape"])

    def forward(image):
        values = {"input": image}
        for operation in operations:
            inputs = [values[name] for name in operation["inputs"]]
            tensors = {name: tensor(stored) for name, stored in operation["tensors"].items()}
            values[operation["output"]] = apply(operation, inputs, tensors)
        return values["logits"]

    return forward


def interpret(model, image):
    """The logits that the CPU interpreter of TensorFlow Lite computes."""
    interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def convert(case, output):
    batch, channels, height, width = json.loads((case / "case.json").read_text())["shape"]
    operations = json.loads((case / "tfjs").read_text())
    forward = network(operations, np.fromfile(case / "tfjsWeights", np.float32))
    signature = tf.TensorSpec([batch, height, width, channels], tf.float32)
    function = tf.function(forward).get_concrete_function(signature)
    model = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    image = np.fromfile(case / "input", np.float32).reshape(batch, channels, height, width).transpose(0, 2, 3, 1)
    expected = function(tf.constant(image)).numpy()
    error = np.abs(interpret(model, image) - expected).max() / np.abs(expected).max()
    path = output / f"{case.name}.tflite"
    if not error < TOLERANCE:
        raise SystemExit(f"{path.name}: the converted model differs from TensorFlow by {error:.1e} of the largest logit")
    path.write_bytes(model)
    print(f"{path}: {len(model) / 1e6:.1f} MB, differs from TensorFlow by {error:.1e} of the largest logit")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=CASES, help="MODEL:BATCH,…, as bench takes them")
    parser.add_argument("--output", type=Path, default=ROOT / ".cache/tflite")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = ["npm", "run", "--silent", "bench", "--", "--export", folder, "--cases", options.cases]
        subprocess.run(bench, cwd=ROOT, check=True)
        for case in sorted(Path(folder).iterdir()):
            convert(case, options.output)


if __name__ == "__main__":
    main()
