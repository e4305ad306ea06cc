// node maxim_reference.cjs MODEL_FOLDER INPUT SIDE OUTPUT: run a published graph with TensorFlow.js, the engine it was made for.
// INPUT and OUTPUT are raw float32 (SIDE, SIDE, 3).
const fs = require("fs");
const path = require("path");
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-wasm");

// The WebAssembly backend lacks this one operation. All that MAXIM asks of it is one shared letter: a matrix product.
function einsum(node) {
  const [letters, result] = node.attrs.equation.split("->");
  const [p, q] = letters.split(",");
  const [a, b] = node.inputs;
  const shared = [...p].find((letter) => q.includes(letter));
  const [restP, restQ] = [p, q].map((word) => [...word].filter((letter) => letter !== shared));
  const size = {};
  [...p].forEach((letter, i) => (size[letter] = a.shape[i]));
  [...q].forEach((letter, i) => (size[letter] = b.shape[i]));
  return tf.tidy(() => {
    const left = tf.transpose(a, [...restP, shared].map((letter) => p.indexOf(letter))).reshape([-1, size[shared]]);
    const right = tf.transpose(b, [shared, ...restQ].map((letter) => q.indexOf(letter))).reshape([size[shared], -1]);
    const order = [...restP, ...restQ];
    const product = tf.matMul(left, right).reshape(order.map((letter) => size[letter]));
    return tf.transpose(product, [...result].map((letter) => order.indexOf(letter)));
  });
}

async function main([folder, input, side, output]) {
  tf.registerOp("Einsum", einsum);
  await tf.setBackend("wasm");
  const model = JSON.parse(fs.readFileSync(path.join(folder, "model.json")));
  const weightSpecs = model.weightsManifest.flatMap((group) => group.weights);
  const files = model.weightsManifest.flatMap((group) => group.paths);
  const weightData = new Uint8Array(Buffer.concat(files.map((file) => fs.readFileSync(path.join(folder, file))))).buffer;
  const net = await tf.loadGraphModel(tf.io.fromMemory({ ...model, weightSpecs, weightData }));
  const pixels = new Float32Array(new Uint8Array(fs.readFileSync(input)).buffer);
  const result = await net.execute(tf.tensor4d(pixels, [1, +side, +side, 3])).data();
  fs.writeFileSync(output, Buffer.from(result.buffer, result.byteOffset, result.byteLength));
}

main(process.argv.slice(2));
