/**
 * What software, which runs kernels on a CPU's vectors, has otherwise than a GPU: a file apart beside the library.
 *
 * The weights of its convolutions are texels, and so are its maps where the 3×3 convolutions are Winograd's
 * (shaders/apart/winograd.wgsl): a CPU checks the bounds of a texel once, those of a buffer for each component.
 */

import { SOFTWARE } from '../kernels/software.generated.js';
import { softwareTraits } from '../kernels/software.js';
import type { Precision } from '../kernels/source.js';
import { areWinograd, type KernelName, type Texels, type Traits, type Variant } from '../kernels/variants.js';
import { regionNamed } from '../plan/arena.js';
import type { NetworkPlan } from '../plan/network.js';
import type { Source, Step } from '../plan/step.js';
import { halvesOf } from '../tensor/float16.js';
import { fromHalves } from '../tensor/tensor.js';
import type { WeightLayout, WeightPrecision, WeightRange } from '../weights/pack.js';
import { allocate, type OwnTexture } from './buffers.js';
import type { KernelText } from './pipelines.js';
import { COMPUTE_STAGE, TEXTURE_USAGE, USAGE } from './usage.js';
import { BufferedWeights, type GpuWeights } from './weights.js';

/** Texels of a row, in either precision (shaders/apart/place.wgsl). */
export const ROW_TEXELS = 1024;

/** Bytes of a texel, which is a quad. */
const texelBytes = (storage: WeightPrecision): number => (storage === 'f16' ? 8 : 16);
/** Either is read as four f32, so that kernels have one text for both. */
const formatOf = (storage: WeightPrecision): GPUTextureFormat => (storage === 'f16' ? 'rgba16float' : 'rgba32float');

const MAP_READ = /vectorOf\(src\[([^\]]*)\]\)/g;
const READ = 'textureLoad(src, place(params.firstSrc + $1), 0)';
const MAP_WRITTEN = /dst\[([^\]]*)\] ?= ?quadOf\((.*?)\);/g;
const WRITE = {
  f32: 'textureStore(dst, place(params.firstDst + $1), $2);',
  f16: 'textureStore(dst, place(params.firstDst + $1), within($2));',
};
/** Ahead of the parameters, sixteen bytes so that they keep their alignment: the texels that bindings begin with. */
const PARAMS = /struct Params ?\{/;
const LEAD = '$&\nfirstSrc: u32, firstDst: u32, firstWeight: u32, spare: u32,';
export const leadOf = (firstSrc: number, firstDst: number, firstWeight: number): Uint8Array =>
  new Uint8Array(Uint32Array.of(firstSrc, firstDst, firstWeight, 0).buffer);

/** The level of detail, which storage has not. */
const LEVEL = /(textureLoad\(.*?\)), ?0\)/g;

/** A kernel's text with its weights, and its maps where the variant has it so, as textures. */
export function textOf(
  kernel: KernelName,
  given: string,
  variant: Variant,
  { activations, weights }: Precision,
): KernelText {
  const { texels, textured, tile } = variant;
  let source = tile.STRIP ? SOFTWARE.winograd : given;
  if (!texels) return { source };
  const textures: Record<string, Entry> = {};
  const declare = (name: string, declared: string, access: Access, format: GPUTextureFormat) => {
    if (!source.includes(declared)) return;
    source = source.replace(declared, `var ${name}: ${typeOf(access, format)};`);
    textures[name] = entryOf(access, format);
  };
  const parts: string[] = [SOFTWARE.place];
  if (source.includes('loadWeight(')) {
    declare('weights', 'var<storage, read> weights: array<WeightQuad>;', texels, formatOf(weights));
    parts.push(SOFTWARE.texels);
  }
  if (textured) {
    // The stem's is the input, a buffer in any case.
    if (kernel !== 'stem') {
      declare('src', 'var<storage, read> src: array<Quad>;', texels, formatOf(activations));
      source = source.replace(MAP_READ, READ);
    }
    declare('dst', 'var<storage, read_write> dst: array<Quad>;', 'write', formatOf(activations));
    if (textures.dst) {
      source = source.replace(MAP_WRITTEN, WRITE[activations]);
      if (activations === 'f16') parts.push(SOFTWARE.within);
    }
  }
  source = [source.replace(PARAMS, LEAD), ...parts].join('\n');
  return { source: texels === 'read' ? source.replace(LEVEL, '$1)') : source, textures };
}

type Entry = Pick<GPUBindGroupLayoutEntry, 'texture' | 'storageTexture'>;

/** How a kernel has a texture. */
type Access = Texels | 'write';

const typeOf = (access: Access, format: GPUTextureFormat): string =>
  access === 'sampled' ? 'texture_2d<f32>' : `texture_storage_2d<${format}, ${access}>`;

function entryOf(access: Access, format: GPUTextureFormat): Entry {
  if (access === 'sampled') return { texture: { sampleType: 'unfilterable-float' } };
  return { storageTexture: { format, access: access === 'read' ? 'read-only' : 'write-only' } };
}

/**
 * How lanes of eight should read textures: from storage where that is allowed. lavapipe reads a sampled texture by a
 * function that is called, which takes it longer; SwiftShader, whose lanes are four, is slower with storage.
 */
async function texelsOn(device: GPUDevice): Promise<Texels> {
  device.pushErrorScope('validation');
  let isAllowed = true;
  try {
    device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: COMPUTE_STAGE, ...entryOf('read', 'rgba32float') }],
    });
  } catch {
    isAllowed = false; // an implementation that does not know of it
  }
  return (await device.popErrorScope()) || !isAllowed ? 'sampled' : 'read';
}

/** A bank of maps, or null where there are none. */
export function mapTexture(
  device: GPUDevice,
  own: OwnTexture,
  bytes: number,
  storage: WeightPrecision,
): GPUTexture | null {
  if (bytes === 0) return null;
  return texture(device, own, 'arena', Math.ceil(bytes / texelBytes(storage)), storage);
}

/** @param usage beyond what kernels do */
function texture(
  device: GPUDevice,
  own: OwnTexture,
  label: string,
  texels: number,
  storage: WeightPrecision,
  usage = 0,
): GPUTexture {
  const rows = Math.ceil(texels / ROW_TEXELS);
  const { TEXTURE_BINDING, STORAGE_BINDING } = TEXTURE_USAGE;
  return own(
    device.createTexture({
      label,
      size: [ROW_TEXELS, rows],
      format: formatOf(storage),
      usage: usage | TEXTURE_BINDING | STORAGE_BINDING,
    }),
    rows * ROW_TEXELS * texelBytes(storage),
  );
}

/** Where the texels of a tensor begin, and how many they are. */
interface Place {
  readonly first: number;
  readonly count: number;
  readonly packed: WeightRange;
  /** Of the output quads whose nine taps are stored as the twelve of Winograd's products; 0 where all are as packed. */
  readonly winograds: number;
}

/**
 * Room for the weights, and what the adapter's traits are with them there.
 *
 * @param growthQuads output quads of each 3×3 convolution
 * @throws OutOfMemoryError
 */
export async function weightsFor(
  device: GPUDevice,
  layout: WeightLayout,
  traits: Traits,
  growthQuads: number,
): Promise<{ readonly weights: GpuWeights; readonly traits: Traits }> {
  const sampled = softwareTraits(traits, 'sampled');
  const isEight = sampled.software?.isWinograd;
  const textured = isEight ? softwareTraits(traits, await texelsOn(device)) : sampled;
  const weights = await TexelWeights.create(device, layout, areWinograd(textured, growthQuads) ? growthQuads : 0);
  if (weights) return { weights, traits: textured };
  return { weights: await BufferedWeights.create(device, layout), traits: softwareTraits(traits) };
}

/** The convolutions' weights as the texels of a texture, the others in a buffer. */
export class TexelWeights implements GpuWeights {
  readonly areTexels = true;
  private readonly view: GPUTextureView;

  private constructor(
    private readonly layout: WeightLayout,
    private readonly tensors: ReadonlyMap<string, Place>,
    private readonly texture: GPUTexture,
    private readonly others: BufferedWeights,
  ) {
    this.view = texture.createView();
  }

  /**
   * With room for them.
   *
   * @param winograds output quads of each 3×3 convolution, if they are Winograd's; else 0
   * @returns null where they are more than a texture holds
   * @throws OutOfMemoryError
   */
  static async create(device: GPUDevice, layout: WeightLayout, winograds: number): Promise<GpuWeights | null> {
    const tensors = texelsOf(layout, winograds);
    const count = [...tensors.values()].reduce((sum, place) => sum + place.count, 0);
    if (count > ROW_TEXELS * device.limits.maxTextureDimension2D) return null;
    const { precision, bytes, kernelBytes } = layout;
    const label = 'weights';
    return allocate(
      device,
      (buffer, own) =>
        new TexelWeights(
          layout,
          tensors,
          texture(device, own, label, count, precision, TEXTURE_USAGE.COPY_DST),
          new BufferedWeights(layout, buffer(label, bytes - kernelBytes, USAGE.STORAGE | USAGE.COPY_DST), kernelBytes),
        ),
    );
  }

  get bytes(): number {
    const { texture, layout, others } = this;
    return texture.width * texture.height * texelBytes(layout.precision) + others.bytes;
  }

  upload(queue: GPUQueue, packed: ArrayBuffer, range?: WeightRange): void {
    const { texture, layout, tensors, others } = this;
    others.upload(queue, packed, range);
    if (range) return;
    const bytesPerRow = ROW_TEXELS * texelBytes(layout.precision);
    const stored = new ArrayBuffer(texture.height * bytesPerRow);
    for (const tensor of tensors.values()) store(tensor, layout.precision, packed, stored);
    queue.writeTexture({ texture }, stored, { bytesPerRow }, [texture.width, texture.height]);
  }

  resource(name: string): GPUBindingResource {
    return this.tensors.has(name) ? this.view : this.others.resource(name);
  }

  lead({ arena, options }: NetworkPlan, { variant, bindings }: Step): Uint8Array {
    if (!variant.texels) return new Uint8Array();
    const sources = new Map(Object.entries<Source>(bindings));
    const first = (name: string): number => {
      const source = sources.get(name);
      if (source?.at === 'weights') return this.tensors.get(source.name)?.first ?? 0;
      if (source?.at !== 'region') return 0;
      const { offset } = regionNamed(arena.regions, source.name);
      return (offset + (source.offset ?? 0)) / texelBytes(options.activations);
    };
    return leadOf(first('src'), first('dst'), first('weights'));
  }

  destroy(): void {
    this.texture.destroy();
    this.others.destroy();
  }
}

/** One after the other, in the order of the packed weights. */
function texelsOf({ ranges, kernelBytes, precision }: WeightLayout, growthQuads: number): Map<string, Place> {
  const tensors = new Map<string, Place>();
  let first = 0;
  for (const [name, packed] of ranges) {
    if (packed.offset >= kernelBytes) continue;
    const winograds = name.endsWith('.conv.weight') ? growthQuads : 0;
    const count = (packed.bytes / texelBytes(precision)) * (winograds ? 12 / 9 : 1);
    tensors.set(name, { first, count, packed, winograds });
    first += count;
  }
  return tensors;
}

function store(
  { first, count, packed, winograds }: Place,
  precision: WeightPrecision,
  from: ArrayBuffer,
  to: ArrayBuffer,
): void {
  const at = first * texelBytes(precision);
  if (!winograds) new Uint8Array(to, at, packed.bytes).set(new Uint8Array(from, packed.offset, packed.bytes));
  else if (precision === 'f32')
    new Float32Array(to, at, 4 * count).set(
      winograd(new Float32Array(from, packed.offset, packed.bytes / 4), winograds),
    );
  else
    new Uint16Array(to, at, 4 * count).set(
      halvesOf(winograd(fromHalves(new Uint16Array(from, packed.offset, packed.bytes / 2)), winograds)),
    );
}

/** Floats of a row of a filter: three taps of four input channels × four output channels. */
const ROW = 3 * 16;

/**
 * The filters of F(2, 3) down the columns: [output quad][input quad][row 3][column 3][16] →
 * [output quad][product 4][input quad][column 3][16].
 */
function winograd(taps: Float32Array, outQuads: number): Float32Array {
  const inQuads = taps.length / outQuads / 3 / ROW;
  const products = new Float32Array(outQuads * inQuads * 4 * ROW);
  const apart = inQuads * ROW;
  for (let o = 0; o < outQuads; o++) {
    for (let q = 0; q < inQuads; q++) {
      const from = (o * inQuads + q) * 3 * ROW;
      const to = (o * 4 * inQuads + q) * ROW;
      for (let i = 0; i < ROW; i++) {
        const [w0 = 0, w1 = 0, w2 = 0] = [taps[from + i], taps[from + ROW + i], taps[from + 2 * ROW + i]];
        products[to + i] = w0;
        products[to + apart + i] = (w0 + w1 + w2) / 2;
        products[to + 2 * apart + i] = (w0 - w1 + w2) / 2;
        products[to + 3 * apart + i] = w2;
      }
    }
  }
  return products;
}
