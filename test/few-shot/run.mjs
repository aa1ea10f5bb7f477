/**
 * Measures how well a few examples teach a network: the table of docs/teaching.md.
 *
 *   node build.mjs && node test/few-shot/run.mjs [--data FOLDER] [--tests N] [--draws N] [--driver swiftshader]
 *
 * Two cases: CIFAR-10's classes on the features of a network that was trained on CIFAR-100, and drawn shapes on those of
 * the default model. Each is taught with 5, 10 and 50 examples a class, in several draws, and tested on pictures that are in
 * none; beside it, on the same embeddings, the nearest neighbour by cosine. `--data` is the folder with
 * data/cifar10-png.zip and weights/dice-densenet-bc-100-12-cifar100, by default shared/ beside the checkout; without it
 * only the shapes are measured. The embeddings are left in .cache/few-shot for sklearn_reference.py.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';
import { unzipSync } from 'fflate';
import sharp from 'sharp';
import { DenseNet } from '../../dist/densenet-webgpu.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = join(ROOT, '.cache/few-shot');
const COUNTS = [50, 10, 5];
const BATCH = 20;
/** Where the numbers of test pictures begin. */
const TEST = 100_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(ROOT, '../shared') },
    tests: { type: 'string', default: '1000' },
    draws: { type: 'string', default: '3' },
    driver: { type: 'string' },
  },
});
const [tests, draws] = [Number(values.tests), Number(values.draws)];
mkdirSync(OUT, { recursive: true });
const { anyGpu, dawnGpu, drawShape, SHAPE_NAMES } = await sources();
const gpu = values.driver ? await dawnGpu(values.driver) : await anyGpu();

/** The modules that are not in the package, bundled. */
async function sources() {
  const entry = { contents: "export * from './src/cli/dawn.ts'; export * from './test/reference/drawn-shapes.ts';" };
  const outfile = join(OUT, 'sources.mjs');
  await esbuild.build({
    absWorkingDir: ROOT,
    stdin: { ...entry, resolveDir: ROOT },
    ...{ bundle: true, format: 'esm', platform: 'node', packages: 'external', outfile, logLevel: 'error' },
  });
  return import(pathToFileURL(outfile));
}

function importModel(path) {
  const model = join(OUT, 'cifar100.safetensors');
  const preprocess =
    '{"resize":{"kind":"none"},"crop":null,"scale":0.00392156862745098,"mean":[0.4914,0.4822,0.4465],"std":[0.2023,0.1994,0.201],"channelOrder":"rgb"}';
  const { status } = spawnSync(
    process.execPath,
    [join(ROOT, 'dist/cli/main.js'), 'import', path, '-o', model, '--preprocess', preprocess],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) throw new Error(`${path} could not be imported`);
  return model;
}

/** Pictures of a class in the order of a hash of their names, the training and the test set each by itself. */
function cifar(path) {
  const bytes = readFileSync(path);
  const files = unzipSync(bytes, { filter: ({ name }) => name.endsWith('.png') });
  const hash = (name) => [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5) >>> 0;
  const inOrder = (folder) =>
    Object.keys(files)
      .filter((name) => name.startsWith(folder))
      .sort((a, b) => hash(a) - hash(b) || (a < b ? -1 : 1));
  const classes = [...new Set(Object.keys(files).map((name) => name.split('/')[1]))].sort();
  return {
    classes,
    pictures: (name, first, count) => {
      const isTest = first >= TEST;
      const names = inOrder(`${isTest ? 'test' : 'train'}/${name}/`).slice(first % TEST, (first % TEST) + count);
      return Promise.all(names.map((file) => decode(files[file])));
    },
  };
}

async function decode(png) {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}

async function measure(name, model, { classes, pictures }) {
  const net = await DenseNet.load(readFileSync(model), { gpu, batch: BATCH });
  const each = Math.floor(tests / classes.length);
  const test = [];
  for (const [label, className] of classes.entries()) {
    const images = await pictures(className, TEST, each);
    for (let at = 0; at < images.length; at += BATCH)
      test.push(...(await embed(net, images.slice(at, at + BATCH))).map((features) => ({ label, features })));
    process.stderr.write(`\r${name}: ${test.length} test pictures embedded `);
  }
  const sums = new Map(COUNTS.map((count) => [count, { taught: 0, expected: 0, nearest: 0 }]));
  const stored = [];
  for (let draw = 0; draw < draws; draw++) {
    const teacher = net.teach(classes);
    for (const className of classes)
      await teacher.addExample(className, await pictures(className, draw * COUNTS[0], COUNTS[0]));
    for (const count of COUNTS) {
      // The first of each class stay, so that fewer examples are part of more.
      for (const className of classes) {
        const own = teacher.examples.filter(({ label }) => label === className);
        for (const example of own.slice(count)) teacher.remove(example);
      }
      const examples = teacher.examples.map(({ label, features }) => ({ label: classes.indexOf(label), features }));
      const { net: taught, accuracy } = await teacher.train();
      const head = readHead(await taught.toSafetensors({ headOnly: true }));
      taught.dispose();
      const sum = sums.get(count);
      sum.taught += shareOf(test, ({ features }) => best(head, features)) / draws;
      sum.expected += accuracy / draws;
      sum.nearest += shareOf(test, ({ features }) => nearest(examples, features)) / draws;
      if (count === COUNTS[0]) stored.push(examples);
      process.stderr.write(`\r${name}: draw ${draw + 1}, ${count} examples a class  `);
    }
  }
  process.stderr.write('\n');
  net.dispose();
  store(name, test, stored);
  return COUNTS.map((count) => ({ name, count, ...sums.get(count) }));
}

async function embed(net, images) {
  const { shape, data } = await net.embed(images);
  return images.map((_, i) => data.subarray(i * shape[1], (i + 1) * shape[1]));
}

/** The weights of a head file, which score embeddings as the taught network does. */
function readHead(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const floats = (name) => {
    const [from, to] = header[name].data_offsets;
    return new Float32Array(bytes.slice(8 + length + from, 8 + length + to).buffer);
  };
  return { weight: floats('classifier.weight'), bias: floats('classifier.bias') };
}

function best({ weight, bias }, features) {
  const scores = Array.from(bias, (b, k) => features.reduce((s, f, i) => s + f * weight[k * features.length + i], b));
  return scores.indexOf(Math.max(...scores));
}

/** The class of the example with the largest cosine. */
function nearest(examples, features) {
  let [label, largest] = [-1, Number.NEGATIVE_INFINITY];
  for (const example of examples) {
    let [product, square] = [0, 0];
    for (const [i, value] of example.features.entries()) {
      product += value * features[i];
      square += value * value;
    }
    const cosine = product / Math.sqrt(square);
    if (cosine > largest) [label, largest] = [example.label, cosine];
  }
  return label;
}

const shareOf = (test, labelOf) => test.filter((one) => labelOf(one) === one.label).length / test.length;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** As raw float32 with a description beside it. */
function store(name, test, stored) {
  const file = name.replaceAll(' ', '-');
  const all = [test, ...stored].flat();
  const features = Float32Array.from(all.flatMap((one) => [...one.features]));
  writeFileSync(join(OUT, `${file}.f32`), new Uint8Array(features.buffer));
  const labels = [test, ...stored].map((list) => list.map(({ label }) => label));
  const columns = test[0].features.length;
  writeFileSync(join(OUT, `${file}.json`), JSON.stringify({ name, columns, counts: COUNTS, labels }));
}

const rows = [];
const archive = join(values.data, 'data/cifar10-png.zip');
const checkpoint = join(values.data, 'weights/dice-densenet-bc-100-12-cifar100/checkpoint_100.pth.tar');
if (existsSync(archive) && existsSync(checkpoint)) {
  rows.push(...(await measure('CIFAR-10 on CIFAR-100 features', importModel(checkpoint), cifar(archive))));
} else {
  console.error(`SKIPPED: CIFAR-10 on CIFAR-100 features, because there is no ${archive} or no ${checkpoint}`);
}
const shapes = {
  classes: SHAPE_NAMES,
  pictures: async (name, first, count) => Array.from({ length: count }, (_, i) => drawShape(name, first + i)),
};
rows.push(...(await measure('drawn shapes on the default model', join(ROOT, 'weights/default.safetensors'), shapes)));

console.log('| features | examples a class | taught | by its cross-validation | nearest neighbour |');
console.log('|---|---|---|---|---|');
for (const { name, count, taught, expected, nearest } of rows.reverse())
  console.log(`| ${name} | ${count} | ${percent(taught)} | ${percent(expected)} | ${percent(nearest)} |`);
console.log('\nFor the same with scikit-learn: python test/few-shot/sklearn_reference.py');
process.exit(0);
