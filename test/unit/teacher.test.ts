/** Teaching: examples in, a head out; what is asked of the network, and what is refused. */
import { describe, expect, it } from 'vitest';
import { Teacher } from '../../src/runtime/teach/teacher.js';

/** A network whose features are the mean red and the mean green of an image, and that returns what it is given. */
const network = {
  embedded: [] as number[],
  batchOf: (wanted: number) => wanted,
  async embed(images: readonly unknown[]) {
    network.embedded.push(images.length);
    const data = images.flatMap((image) => {
      const { data: bytes = [] } = Object(image);
      return [bytes[0] / 255, bytes[1] / 255];
    });
    return { shape: [images.length, 2], data: Float32Array.from(data) };
  },
  withHead: async (
    head: { readonly weight: Float32Array; readonly bias: Float32Array },
    labels: readonly string[],
  ) => ({
    labels,
    classify: (red: number, green: number) => {
      const scores = labels.map(
        (_, k) => (head.weight[2 * k] ?? 0) * red + (head.weight[2 * k + 1] ?? 0) * green + (head.bias[k] ?? 0),
      );
      return labels[scores.indexOf(Math.max(...scores))];
    },
  }),
};
const pixel = (red: number, green: number) => ({ data: Uint8Array.of(red, green, 0, 255), width: 1, height: 1 });

describe('a teacher', () => {
  it('learns classes from examples', async () => {
    const teacher = new Teacher(network, ['red', 'green']);
    await teacher.addExample('red', [pixel(250, 10), pixel(230, 20), pixel(240, 0)]);
    await teacher.addExample('green', [pixel(10, 250), pixel(20, 230), pixel(0, 240)]);
    const { net, accuracy } = await teacher.train();
    expect([net.classify(0.9, 0.1), net.classify(0.1, 0.9), accuracy]).toEqual(['red', 'green', 1]);
  });

  it('learns to say "none of these" from examples of no class', async () => {
    const teacher = new Teacher(network, ['red', 'green']);
    await teacher.addExample('red', [pixel(250, 10), pixel(230, 20)]);
    await teacher.addExample('green', [pixel(10, 250), pixel(20, 230)]);
    await teacher.addExample(null, [pixel(0, 0), pixel(10, 10), pixel(5, 0)]);
    const { net } = await teacher.train();
    expect(net.labels).toEqual(['red', 'green', 'none of these']);
    expect([net.classify(0.02, 0.02), net.classify(1, 0)]).toEqual(['none of these', 'red']);
  });

  it('sends images through the network eight at a time', async () => {
    const teacher = new Teacher(network, ['a', 'b']);
    network.embedded.length = 0;
    const added = await teacher.addExample('a', Array(19).fill(pixel(1, 1)));
    expect([network.embedded, added.length, teacher.examples.length]).toEqual([[8, 8, 3], 19, 19]);
  });

  it('forgets an example', async () => {
    const teacher = new Teacher(network, ['a', 'b']);
    const [first] = await teacher.addExample('a', [pixel(1, 1), pixel(2, 2)]);
    if (first) teacher.remove(first);
    expect(teacher.examples).toHaveLength(1);
  });

  it.each<[unknown, RegExp]>([
    [['one'], /^classes are \["one"\]: make them two or more different names$/],
    [['a', 'a'], /different names/],
    [['a', ''], /different names/],
    [undefined, /classes are undefined/],
  ])('refuses the classes %j', (classes, message) => {
    expect(() => Reflect.construct(Teacher, [network, classes])).toThrow(message);
  });

  it('gives the class of rejected examples the name that it is asked for', async () => {
    const teacher = new Teacher(network, ['red', 'green'], { none: 'neither' });
    await teacher.addExample('red', pixel(250, 10));
    await teacher.addExample('green', pixel(10, 250));
    await teacher.addExample(null, pixel(0, 0));
    expect((await teacher.train()).net.labels).toEqual(['red', 'green', 'neither']);
    expect(() => new Teacher(network, ['a', 'none of these'])).toThrow(
      '"none of these" is one of the classes: add examples of no class with null instead',
    );
  });

  it('sends fewer images at a time where the network has no room for more', async () => {
    const teacher = new Teacher({ ...network, batchOf: () => 3 }, ['a', 'b']);
    network.embedded.length = 0;
    await teacher.addExample('a', Array(7).fill(pixel(1, 1)));
    expect(network.embedded).toEqual([3, 3, 1]);
  });

  it('trains on the examples that it has at the moment of the call', async () => {
    const teacher = new Teacher(network, ['red', 'green']);
    await teacher.addExample('red', pixel(250, 10));
    await teacher.addExample('green', pixel(10, 250));
    const training = teacher.train();
    for (const example of teacher.examples) teacher.remove(example);
    const { net, accuracy } = await training;
    expect([net.classify(1, 0), net.classify(0, 1), accuracy]).toEqual(['red', 'green', null]);
    await expect(teacher.train()).rejects.toThrow('"red", "green": add an example of each class');
  });

  it('refuses options that it does not have', async () => {
    const teacher = new Teacher(network, ['a', 'b']);
    await expect(Reflect.apply(teacher.train, teacher, [{ epochs: 3 }])).rejects.toThrow(
      'train() has no option epochs: it takes signal, onProgress',
    );
  });

  it('refuses an unknown class, and training while a class has no example', async () => {
    const teacher = new Teacher(network, ['a', 'b']);
    await expect(teacher.addExample('c', pixel(1, 1))).rejects.toThrow(
      'there is no class "c": it is one of a, b, or null',
    );
    await teacher.addExample('a', pixel(1, 1));
    await expect(teacher.train()).rejects.toThrow('"b": add an example of each class');
  });
});
