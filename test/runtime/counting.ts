/** A `GPU` whose devices count what is created, submitted and mapped, and how many buffer bytes are alive. */

export interface Counts {
  buffers: number;
  bindGroups: number;
  pipelines: number;
  shaderModules: number;
  textures: number;
  submits: number;
  dispatches: number;
  maps: number;
}

export class CountingGpu {
  readonly counts: Counts = {
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
    shaderModules: 0,
    textures: 0,
    submits: 0,
    dispatches: 0,
    maps: 0,
  };
  /** Bytes of the buffers that are not destroyed. */
  liveBytes = 0;
  liveBuffers = 0;
  device: GPUDevice | null = null;

  constructor(private readonly inner: GPU) {}

  /** To be given to `DenseNet.load({ gpu })`. */
  get gpu(): GPU {
    const requestAdapter = async (options?: GPURequestAdapterOptions) => {
      const adapter = await this.inner.requestAdapter(options);
      if (!adapter) return null;
      const requestDevice = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => this.watch(await requestDevice(descriptor));
      return adapter;
    };
    return new Proxy(this.inner, {
      get: (target, key) => (key === 'requestAdapter' ? requestAdapter : Reflect.get(target, key)),
    });
  }

  created(): number {
    const { buffers, bindGroups, pipelines, shaderModules, textures } = this.counts;
    return buffers + bindGroups + pipelines + shaderModules + textures;
  }

  private watch(device: GPUDevice): GPUDevice {
    const { counts } = this;
    this.device = device;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      counts.buffers++;
      const buffer = createBuffer(descriptor);
      this.watchBuffer(buffer);
      return buffer;
    };
    const createBindGroup = device.createBindGroup.bind(device);
    device.createBindGroup = (descriptor) => {
      counts.bindGroups++;
      return createBindGroup(descriptor);
    };
    const createPipeline = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = (descriptor) => {
      counts.pipelines++;
      return createPipeline(descriptor);
    };
    const createShaderModule = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      counts.shaderModules++;
      return createShaderModule(descriptor);
    };
    const createTexture = device.createTexture.bind(device);
    device.createTexture = (descriptor) => {
      counts.textures++;
      return createTexture(descriptor);
    };
    const { queue } = device;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      counts.submits++;
      submit(buffers);
    };
    Object.defineProperty(device, 'queue', { value: queue });
    this.watchEncoders(device);
    return device;
  }

  private watchEncoders(device: GPUDevice): void {
    const createEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = createEncoder(descriptor);
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (options) => {
        const pass = begin(options);
        const dispatch = pass.dispatchWorkgroups.bind(pass);
        pass.dispatchWorkgroups = (x, y, z) => {
          this.counts.dispatches++;
          dispatch(x, y, z);
        };
        return pass;
      };
      return encoder;
    };
  }

  private watchBuffer(buffer: GPUBuffer): void {
    this.liveBytes += buffer.size;
    this.liveBuffers++;
    let alive = true;
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      if (alive) {
        alive = false;
        this.liveBytes -= buffer.size;
        this.liveBuffers--;
      }
      destroy();
    };
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (mode, offset, size) => {
      this.counts.maps++;
      return mapAsync(mode, offset, size);
    };
  }
}
