/** The bench page: runs a case in frames, or shows a result of the command line. */
import { caseFiles, caseName, describeMissingTflite, seededModel } from '../../src/bench/case-files.js';
import { measureCase } from '../../src/bench/measure.js';
import { isPeerName, type ModelFiles, PEERS, type PeerName, peerRow, type Task } from '../../src/bench/peer.js';
import type { BenchReport, CaseResult } from '../../src/bench/report.js';
import type { Skipped } from '../../src/bench/skipped.js';
import { make } from '../dom.js';
import { openFrame } from './frame.js';
import { showCase, showProfile } from './results.js';

const BUDGET_MS = 60_000;

function find<T extends Element>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}

const form = find('#choices', HTMLFormElement);
const frames = find('#frames', HTMLDivElement);
const results = find('#results', HTMLDivElement);
const note = find('#note', HTMLParagraphElement);
const progress = find('#progress', HTMLProgressElement);
const cancel = find('#cancel', HTMLButtonElement);
const say = (text: string) => {
  note.textContent = text.trim();
};

/** Cancels what runs now. */
let running = new AbortController();

function addChoices(): void {
  const peers = find('#peers', HTMLFieldSetElement);
  for (const name of Object.keys(PEERS).filter(isPeerName)) {
    const { backends, standard, title } = peerRow(name);
    if (!backends.includes('browser')) continue;
    const box = document.createElement('input');
    Object.assign(box, { type: 'checkbox', name: 'peer', value: name, checked: standard });
    const label = document.createElement('label');
    label.append(box, make('span', {}, make('b', {}, name), ` ${title}`));
    peers.append(label);
  }
}

interface Prepared {
  readonly model: string;
  readonly batch: number;
  readonly task: Omit<Task, 'peer'>;
  release(): void;
}

/** The case's files as blob URLs, which the frames can fetch. */
function prepare(text: string): Prepared {
  const [model = '', batch = '1'] = text.split(':');
  const { bytes, config, shape } = caseFiles(seededModel(model), Number(batch));
  const url = (name: keyof ModelFiles) => URL.createObjectURL(new Blob([bytes[name]]));
  const files: ModelFiles = {
    safetensors: url('safetensors'),
    onnx: url('onnx'),
    tfjs: url('tfjs'),
    tfjsWeights: url('tfjsWeights'),
    tflite: new URL(`bench/tflite/${caseName({ model, batch: Number(batch) })}.tflite`, document.baseURI).href,
    input: url('input'),
  };
  const task = { shape, classes: config.classes, files, threads: navigator.hardwareConcurrency };
  return {
    model,
    batch: Number(batch),
    task,
    release() {
      for (const blob of Object.values(files).filter((url) => url.startsWith('blob:'))) URL.revokeObjectURL(blob);
    },
  };
}

/** The peers that need a `.tflite`, where the server has none. */
async function skippedPeers(names: readonly PeerName[], { tflite }: ModelFiles): Promise<Skipped[]> {
  const needing = names.filter((name) => peerRow(name).needsTflite);
  if (needing.length === 0 || (await fetch(tflite, { method: 'HEAD' })).ok) return [];
  return needing.map((name) => ({ name, reason: describeMissingTflite(tflite) }));
}

async function run(data: FormData): Promise<void> {
  const names: PeerName[] = data.getAll('peer').map(String).filter(isPeerName);
  const rounds = Number(data.get('rounds'));
  const { signal } = running;
  // One note for each library that is opened, and for each round.
  progress.value = 0;
  const prepared = prepare(String(data.get('case')));
  try {
    const skipped = await skippedPeers(names, prepared.task.files);
    const able = names.filter((name) => !skipped.some((each) => each.name === name));
    progress.max = able.length + rounds;
    const measured = await measureCase(able, prepared.task, {
      rounds,
      budgetMs: BUDGET_MS,
      reference: null,
      note: (line) => {
        signal.throwIfAborted();
        say(line);
        progress.value++;
      },
      open: (name) => openFrame(name, frames, signal),
    });
    // A peer's error is its result, so that a cancelled run ends like any other.
    signal.throwIfAborted();
    const { model, batch, task } = prepared;
    const inputSize = [task.shape[2], task.shape[3]] as const;
    const result = { model, batch, inputSize, runs: measured.runs, skipped };
    results.prepend(showCase(result, measured.adapter));
    say('Done.');
  } finally {
    prepared.release();
  }
}

async function profile(data: FormData): Promise<void> {
  const prepared = prepare(String(data.get('case')).replace(/:.*/, ':1'));
  progress.removeAttribute('value');
  const ours = await openFrame('ours', frames, running.signal);
  try {
    await ours.call('cold', { ...prepared.task, peer: 'ours' });
    const found = await ours.call('profile', null);
    if (found) results.prepend(showProfile(found));
    say('Done.');
  } finally {
    await ours.close();
    prepared.release();
  }
}

/** Results of earlier versions do not list what was skipped. */
type SavedReport = Omit<BenchReport, 'cases'> & {
  readonly cases: readonly (Omit<CaseResult, 'skipped'> & Partial<Pick<CaseResult, 'skipped'>>)[];
};

async function show(file: File | undefined): Promise<void> {
  if (!file) return;
  const report: SavedReport = JSON.parse(await file.text());
  results.replaceChildren(...report.cases.map((result) => showCase({ skipped: [], ...result }, report.adapter)));
  say(`${report.browser ?? report.backend}, ${report.date}`);
}

/** One thing at a time, since two would slow each other; failures are shown. */
async function alone(action: () => Promise<void>): Promise<void> {
  const buttons = [...form.querySelectorAll('button')];
  for (const button of buttons) button.disabled = true;
  running = new AbortController();
  cancel.hidden = false;
  progress.hidden = false;
  say('Preparing the model …');
  try {
    await action();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    say(running.signal.aborted ? 'Cancelled.' : `Failed: ${text}`);
  } finally {
    cancel.hidden = true;
    progress.hidden = true;
    for (const button of buttons) button.disabled = false;
  }
}

addChoices();
cancel.addEventListener('click', () => running.abort(new Error('cancelled')));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void alone(() => run(new FormData(form)));
});
find('#profile', HTMLButtonElement).addEventListener('click', () => void alone(() => profile(new FormData(form))));
const opener = find('#open', HTMLInputElement);
find('#choose-result', HTMLButtonElement).addEventListener('click', () => opener.click());
opener.addEventListener('change', () => void alone(() => show(opener.files?.[0])));
