import { DenseNet } from 'densenet-webgpu';

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const net = await DenseNet.load('/model.safetensors', { device });

// The features stay on the GPU, in a buffer that is yours.
const { data, shape } = await net.embed(document.querySelector('img'), { output: 'gpu-buffer' });

// Your own kernel goes on with them: here, their length.
const code = `
  @group(0) @binding(0) var<storage, read> features: array<f32>;
  @group(0) @binding(1) var<storage, read_write> result: f32;
  @compute @workgroup_size(1) fn main() {
    var sum = 0.0;
    for (var i = 0u; i < arrayLength(&features); i++) { sum += features[i] * features[i]; }
    result = sqrt(sum);
  }`;
const pipeline = device.createComputePipeline({
  layout: 'auto',
  compute: { module: device.createShaderModule({ code }) },
});
const result = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
const readable = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
const entries = [data, result].map((buffer, binding) => ({ binding, resource: { buffer } }));
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
pass.dispatchWorkgroups(1);
pass.end();
encoder.copyBufferToBuffer(result, 0, readable, 0, 4);
device.queue.submit([encoder.finish()]);

await readable.mapAsync(GPUMapMode.READ);
const [length] = new Float32Array(readable.getMappedRange());
document.querySelector('output').textContent = `${shape[1]} features, length ${length.toFixed(3)}`;
data.destroy();
