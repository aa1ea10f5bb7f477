/** A checkpoint that the user brought. A worker reads it, and writes it as a model file with any metadata. */
import { ModelFormatError, type ModelMetadata } from 'densenet-webgpu';
import type {
  CheckpointReport,
  Facts,
  ImportAnswer,
  ImportMessage,
  ImportReply,
  ImportRequest,
} from './import-worker.js';

export class Checkpoint {
  private constructor(
    private readonly worker: Worker,
    private readonly file: File,
    private readonly all: readonly File[],
    readonly report: CheckpointReport,
  ) {}

  /**
   * @param all the files that came together; a TensorFlow.js model has its weights among them
   * @throws ModelFormatError with the importer's message, or when the signal aborts
   */
  static async open(file: File, all: readonly File[], signal: AbortSignal): Promise<Checkpoint> {
    const worker = new Worker('/import-worker.js', { type: 'module' });
    try {
      return new Checkpoint(worker, file, all, await read(worker, file, all, {}, signal));
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Reads the file again with what the user says of the network. The worker then writes this one. @throws as `open` */
  async withFacts(facts: Facts, signal: AbortSignal): Promise<Checkpoint> {
    const { worker, file, all } = this;
    return new Checkpoint(worker, file, all, await read(worker, file, all, facts, signal));
  }

  /** Returns the safetensors file with this metadata. @throws ModelFormatError as `open` */
  async write(metadata: ModelMetadata, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await ask(this.worker, { kind: 'write', metadata }, signal);
    if (answer.kind !== 'file') throw new Error(`the importer answered with a ${answer.kind}`);
    return answer.bytes;
  }

  /** Whether both came from one file: they share a worker. */
  isOfSameFile({ worker }: Checkpoint): boolean {
    return worker === this.worker;
  }

  close(): void {
    this.worker.terminate();
  }
}

async function read(
  worker: Worker,
  file: File,
  all: readonly File[],
  facts: Facts,
  signal: AbortSignal,
): Promise<CheckpointReport> {
  const answer = await ask(worker, { kind: 'read', file, all, facts }, signal);
  if (answer.kind !== 'report') throw new Error(`the importer answered with a ${answer.kind}`);
  return answer.report;
}

/** Numbers the requests: an answer that nobody waits for any more must not be taken for the next one. */
let lastId = 0;

/** @throws ModelFormatError */
async function ask(worker: Worker, request: ImportRequest, signal: AbortSignal): Promise<ImportAnswer> {
  const id = ++lastId;
  const answer = await new Promise<ImportAnswer>((resolve) => {
    const fail = (message: string) => resolve({ kind: 'error', message });
    worker.addEventListener('message', ({ data }: MessageEvent<ImportReply>) => data.id === id && resolve(data.answer));
    worker.addEventListener('error', ({ message }) => fail(message || 'the importer did not start: reload the page'));
    signal.addEventListener('abort', () => fail('another model was chosen'));
    worker.postMessage({ id, request } satisfies ImportMessage);
  });
  if (answer.kind === 'error') throw new ModelFormatError(answer.message, { format: 'file' });
  return answer;
}
