/** Describes the network and the machine in a list of terms. */
import type { DenseNet } from 'densenet-webgpu';
import { adapterName } from './adapter.js';
import { showTerms } from './dom.js';
import { amount, bytes } from './format.js';
import { page } from './page.js';

export function showFacts(net: DenseNet, name: string): void {
  const { config, memory, metadata, precision, plan, inputSize } = net;
  const macs = plan.steps.reduce((sum, step) => sum + (step.stage === 'network' ? step.macs : 0), 0);
  const kind = config.bottleneck === null ? 'DenseNet' : 'DenseNet-B';
  const isCompressed = config.transitions.some((width, t) => width < widthBefore(net, t));
  showTerms(page.facts, {
    Model: metadata.name ?? name,
    ...(metadata.provenance ? { Provenance: metadata.provenance } : {}),
    Network: `${kind}${isCompressed ? 'C' : ''}, blocks of ${config.blocks.join(', ')} layers, growth rate ${config.growthRate}`,
    Input: `${inputSize[1]} × ${inputSize[0]} pixels, ${config.inChannels === 1 ? '1 channel' : `${config.inChannels} channels`}; ${config.classes} classes`,
    Work: `${amount(macs)} multiply-adds in ${plan.steps.filter(({ stage }) => stage === 'network').length} dispatches, one submission`,
    Memory: `${bytes(memory.totalBytes)} on the GPU: weights ${bytes(memory.weightBytes)}, arena ${bytes(memory.arenaBytes)}`,
    Precision: `feature maps ${precision.activations}, weights ${precision.weights}`,
    Adapter: adapterName(net.adapter),
  });
}

/** Channels at the end of block `t`. */
function widthBefore({ config }: DenseNet, t: number): number {
  const entering = t === 0 ? config.initFeatures : (config.transitions[t - 1] ?? 0);
  return entering + (config.blocks[t] ?? 0) * config.growthRate;
}
