/** The tuner on a simulated GPU with known times: what it chooses, rejects, stores and ignores. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Choices, type Tunable, tune } from '../../src/runtime/tune/measure.js';
import { tableIn } from '../../src/runtime/tune/table.js';

/** The only clock, so that only the simulated times count. */
let clock = 0;
beforeEach(() => {
  clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
});
afterEach(() => vi.restoreAllMocks());

/** Milliseconds of one dispatch of a variant; negative: the GPU rejects it at once. */
type Times = Readonly<Record<string, number>>;

const VARIANTS = ['own', 'a', 'b', 'c'];

/** @param whole milliseconds of the network with choices, by default what its shape's step takes */
function pretend(times: Times, whole?: (choices: Choices) => number) {
  let queued = 0;
  let isRefused = false;
  const log = { bound: 0, disposed: 0 };
  const device = {
    pushErrorScope() {
      isRefused = false;
    },
    popErrorScope: async () => (isRefused ? { message: 'refused' } : null),
    createCommandEncoder: () => ({ beginComputePass: () => ({ end() {} }), finish: () => ({}) }),
    queue: {
      submit() {},
      async onSubmittedWorkDone() {
        clock += queued;
        queued = 0;
      },
    },
  };
  const tunable: Tunable = {
    // Only what the tuner calls is there.
    device: device as unknown as GPUDevice,
    shapes: [{ key: 'shape', variants: VARIANTS }],
    async bind(choices, key) {
      log.bound++;
      const time = key === undefined && whole ? whole(choices) : (times[choices.get('shape') ?? 'own'] ?? 0);
      return {
        record() {
          if (time < 0) isRefused = true;
          else queued += time;
        },
        dispose: () => void log.disposed++,
      };
    },
  };
  return { tunable, log };
}

const quiet = () => undefined;

describe('the tuner', () => {
  it('chooses a variant that is clearly faster', async () => {
    const { tunable, log } = pretend({ own: 1, a: 0.9, b: 0.5, c: 2 });
    const { choices, milliseconds } = await tune(tunable, {}, quiet);
    expect([...choices]).toEqual([['shape', 'b']]);
    expect(milliseconds).toEqual([1, 0.5]);
    expect(log.disposed).toBe(log.bound);
  });

  it("keeps the model's choice within the margin", async () => {
    const { tunable } = pretend({ own: 1, a: 0.99, b: 0.99, c: 1.5 });
    expect((await tune(tunable, {}, quiet)).choices.get('shape')).toBe('own');
  });

  it('does not mistake a rejected dispatch for a fast one', async () => {
    const { tunable } = pretend({ own: 1, a: -1, b: 3, c: 3 });
    expect((await tune(tunable, {}, quiet)).choices.get('shape')).toBe('own');
  });

  it('drops choices that make the whole network slower', async () => {
    const { tunable } = pretend({ own: 1, a: 0.5, b: 2, c: 2 }, (choices) => (choices.get('shape') === 'own' ? 2 : 3));
    const { choices, milliseconds } = await tune(tunable, {}, quiet);
    expect(choices.get('shape')).toBe('own');
    expect(milliseconds).toEqual([2, 2]);
  });

  it('starts no shape after the budget is spent', async () => {
    const none = await tune(pretend({ own: 1, a: 0.1 }).tunable, { budget: -1 }, quiet);
    expect(none.choices.size).toBe(0);
  });

  it('stops at the signal and releases everything when a variant cannot be bound', async () => {
    const { tunable } = pretend({ own: 1 });
    await expect(tune(tunable, {}, quiet, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    const { tunable: failing, log } = pretend({ own: 1 });
    const bind: Tunable['bind'] = (choices, key) =>
      choices.get('shape') === 'b' ? Promise.reject(new Error('no memory')) : failing.bind(choices, key);
    await expect(tune({ ...failing, bind }, {}, quiet)).rejects.toThrow('no memory');
    expect(log.disposed).toBe(log.bound);
  });
});

function memory(content: Record<string, string> = {}) {
  const items = new Map(Object.entries(content));
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
}

describe('a table of choices', () => {
  it('is found again for the same facts, and for no others', async () => {
    const store = memory();
    await tableIn(store, { adapter: 'x', kernels: 'text' }).add(new Map([['shape', 'b']]));
    await tableIn(store, { adapter: 'x', kernels: 'text' }).add(new Map([['other', 'a']]));
    expect([...(await tableIn(store, { adapter: 'x', kernels: 'text' }).read())].sort()).toEqual([
      ['other', 'a'],
      ['shape', 'b'],
    ]);
    expect((await tableIn(store, { adapter: 'x', kernels: 'another text' }).read()).size).toBe(0);
    expect((await tableIn(store, { adapter: 'y', kernels: 'text' }).read()).size).toBe(0);
  });

  it.each(['', '{', 'null', '[]', '[["shape","b"]]', '7', '"b"', '{"shape":1,"other":{"a":1}}'])(
    'is empty where the store holds %j',
    async (damaged) => {
      const store = memory();
      await tableIn(store, 'facts').add(new Map([['shape', 'b']]));
      for (const key of store.items.keys()) store.items.set(key, damaged);
      expect((await tableIn(store, 'facts').read()).size).toBe(0);
    },
  );

  it('is optional: works without a store, and with one that is blocked or full', async () => {
    const blocked = {
      getItem: (): string => {
        throw new Error('blocked');
      },
      setItem: () => Promise.reject(new Error('full')),
    };
    for (const store of [blocked, null]) {
      const table = tableIn(store, 'facts');
      await table.add(new Map([['shape', 'b']]));
      expect((await table.read()).size).toBe(0);
    }
  });
});
