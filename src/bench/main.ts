/** The benchmark's command line: for a checkout of the project, not part of the package. */
import { runCommandLine } from '../cli/command.js';

await runCommandLine('npm run', {
  bench: {
    summary: 'measure this package beside ONNX Runtime and TensorFlow.js',
    load: async () => (await import('./bench.js')).bench,
  },
});
