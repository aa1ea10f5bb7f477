/** The command line of the benchmark and of the kernel lab: for a checkout of the project, not part of the package. */
import { runCommandLine } from '../cli/command.js';

await runCommandLine('npm run', {
  bench: {
    summary: 'measure this package beside ONNX Runtime, LiteRT.js, TensorFlow.js and jax-js',
    load: async () => (await import('./bench.js')).bench,
  },
  kernels: {
    summary: 'count what the compilers of real GPUs make of the kernels',
    load: async () => (await import('./kernels.js')).kernels,
  },
});
