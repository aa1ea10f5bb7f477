/** For pages and workers: calls every method, and causes errors whose messages need the whole library. */
export async function everyMethod(library) {
  const { DenseNet } = library;
  const errorOf = (promise) =>
    promise.then(
      () => null,
      (error) => error,
    );
  const image = new ImageData(32, 32);
  const tensor = { data: new Float32Array(3072), shape: [1, 3, 32, 32] };
  const { supported } = await DenseNet.isSupported();
  const net = await DenseNet.load('/renamed', { tune: { budget: 1 } });
  const best = await net.classify(image);
  const { logits } = await net.run(tensor);
  const { steps } = await net.profile(image);
  const pooled = await net.embed(image);
  const { values } = await net.explain(image);
  const intermediates = await net.intermediates(tensor);
  const taps = await net.taps(tensor);
  const errors = [
    await errorOf(net.classify('/no-image')),
    await errorOf(net.run({ ...tensor, shape: [1, 1, 32, 32] })),
  ];
  const white = new ImageData(new Uint8ClampedArray(4096).fill(255), 32, 32);
  const teacher = net.teach(['dark', 'light']);
  await teacher.addExample('dark', image);
  await teacher.addExample('light', white);
  const { net: taught } = await teacher.train();
  net.dispose();
  const [dark, light] = await taught.classify([image, white]);
  const files = [await taught.toSafetensors(), await taught.toSafetensors({ headOnly: true })];
  taught.dispose();
  const half = await DenseNet.load('/renamed', { precision: 'f16' });
  const halfBest = await half.classify(image);
  half.dispose();
  errors.push(
    await errorOf(DenseNet.load('/strange')),
    await errorOf(DenseNet.load('/incomplete')),
    await errorOf(DenseNet.load('/renamed', { integrity: 'sha256-AAAA' })),
    await errorOf(DenseNet.load('hf:nobody')),
  );
  return {
    supported,
    isTuned: net.tuning !== null,
    isMeasured: steps.length > 10 && steps.every(({ bytesRead, bytesWritten }) => bytesRead > 0 && bytesWritten > 0),
    lengths: [best.length, logits.length, pooled.data.length > 10, values.length > 0],
    intermediates: [intermediates.has('stem'), taps.size === intermediates.size],
    taught: [dark[0].label, light[0].label, files[1].length < files[0].length / 20],
    isSameInF16: halfBest[0].index === best[0].index,
    areOurs: errors.every((error) => error instanceof library[error.name] && library.isDenseNetError(error)),
    errors: errors.map(({ name, message }) => `${name}: ${message.slice(0, 32)}`),
  };
}
