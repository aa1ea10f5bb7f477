/** `densenet-webgpu`: the command line. */
import { runCommandLine } from './command.js';

await runCommandLine('densenet-webgpu', {
  classify: { summary: 'name what is in pictures', load: async () => (await import('./classify.js')).classify },
  evaluate: {
    summary: 'measure accuracy, confusions and calibration on labelled pictures',
    load: async () => (await import('./evaluate.js')).evaluate,
  },
  import: {
    summary: 'convert a checkpoint (.pth, .pt, .safetensors …) to a model file',
    load: async () => (await import('./import.js')).importCommand,
  },
  teach: {
    summary: 'teach a model the classes of your folders of pictures',
    load: async () => (await import('./teach.js')).teach,
  },
  inspect: {
    summary: 'show an architecture, its cost and its memory plan',
    load: async () => (await import('./inspect.js')).inspect,
  },
  verify: {
    summary: "compare a model's every stage with its framework's numbers",
    load: async () => (await import('./verify.js')).verify,
  },
  tune: {
    summary: 'measure which kernel variants suit this adapter',
    load: async () => (await import('./tune.js')).tune,
  },
  serve: { summary: 'serve the demo page', load: async () => (await import('./serve.js')).serve },
});
