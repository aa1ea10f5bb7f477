/** TorchScript's code is followed, never run: what it may hold, and what ends the following. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { readPyTorch } from '../../src/import/pytorch/index.js';
import { parseSource } from '../../src/import/pytorch/torchscript/parse.js';

const latin = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (value: string) => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;

/** An archive of one module of class Net with one weight, whose forward is this. */
function script(code: string): Uint8Array {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x02tQ`;
  const weight = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\x00K\x02\x85K\x01\x85\x89NtR`;
  const pickle = `\x80\x02c__torch__\nNet\n)\x81}(${text('weight')}${weight}${text('training')}\x89ub.`;
  const files = { 'x/data.pkl': latin(pickle), 'x/data/0': new Uint8Array(8), 'x/code/__torch__.py': latin(code) };
  return zipSync(files, { level: 0 });
}

const forward = (...lines: readonly string[]) =>
  script(
    `class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    ${lines.join('\n    ')}\n`,
  );

/** Operators that forward calls, or why it was not followed. */
function follow(bytes: Uint8Array): string {
  const began = process.cpuUsage();
  const { script: found } = readPyTorch(bytes);
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1e6, 'seconds of a processor').toBeLessThan(1);
  if (!found) return 'no code';
  return 'why' in found ? found.why : found.graph.nodes.map(({ op }) => op).join(' ');
}

describe('the code of forward', () => {
  it('becomes the operators that it calls, through methods, lists and known branches', () => {
    const code = [
      'weight = self.weight',
      'training = self.training',
      'if training:',
      '  y = torch.sigmoid(x)',
      'else:',
      '  y = torch.relu(x)',
      'parts = [x]',
      '_0 = torch.append(parts, torch.mul(y, weight))',
      'a, b, = [torch.cat(parts, 1), 1.5]',
      'return torch.div_(a, b)',
    ];
    expect(follow(forward(...code))).toBe('Relu Mul Concat Div');
  });

  it('keeps a branch that does not raise, where only the image’s size would decide', () => {
    const check = [
      'if torch.ne(torch.dim(x), 4):',
      '  ops.prim.RaiseException("no", "builtins.ValueError")',
      'else:',
      '  pass',
    ];
    expect(follow(forward(...check, 'return torch.tanh(x)'))).toBe('Tanh');
  });

  it.each([
    ['a loop', ['for i in range(3):', '  x = torch.relu(x)', 'return x'], /"for i in range\(3\):" is not known/],
    [
      'a branch on the image',
      ['if torch.gt(torch.size(x, 0), 1):', '  y = x', 'else:', '  y = x', 'return y'],
      /only running the network/,
    ],
    ['a function of its own', ['return os.system("true")'], /os\.system is not known/],
    ['a call without end', ['return (self).forward(x, )'], /nested without end/],
    ['a method that is not there', ['return (self).other(x, )'], /the code of Net\.other is not in the file/],
    ['an expression nested without end', [`return ${'('.repeat(5000)}x${')'.repeat(5000)}`], /nested without end/],
    ['no Python', ['return }{'], /unexpected/],
  ])('ends at %s', (_, lines, why) => {
    expect(follow(forward(...lines))).toMatch(why);
  });

  it('that doubles its calls forty times is one error, in time', () => {
    const methods = Array.from({ length: 40 }, (_, i) => {
      const next = i === 39 ? 'x' : `(self).m${i + 1}((self).m${i + 1}(x, ), )`;
      return `  def m${i}(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return ${next}\n`;
    });
    const code = `class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return (self).m0(x, )\n${methods.join('')}`;
    const began = process.cpuUsage();
    let error: unknown = null;
    try {
      readPyTorch(script(code));
    } catch (thrown) {
      error = thrown;
    }
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6, 'seconds of a processor').toBeLessThan(3);
    expect(isDenseNetError(error), `${error}`).toBe(true);
  });

  it('of megabytes of statements is parsed in time', () => {
    const began = process.cpuUsage();
    parseSource(`def f(x: Tensor) -> Tensor:\n${'  if x:\n    y = x\n  else:\n    pass\n'.repeat(40_000)}`);
    parseSource(`def f(x: Tensor) -> Tensor:\n  ${'a'.repeat(1_000_000)}!\n`.replace('!', ''));
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6, 'seconds of a processor').toBeLessThan(3);
  });
});
