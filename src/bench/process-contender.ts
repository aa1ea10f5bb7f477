/** A peer in a Node process of its own, over Dawn or a native runtime. */
import { type ChildProcess, fork } from 'node:child_process';
import { type Answer, answerOf, type Contender, Mailbox } from './contender.js';
import { installCounters } from './counters.js';
import { nodeHost } from './node-host.js';
import type { PeerName } from './peer.js';
import { type Method, type Methods, peerSession } from './session.js';

/** The hidden option by which `bench` starts its own processes. */
export const PROCESS_FLAG = '--peer-process';

/** To a question its answer, and behind it word that the process has come to rest. */
type Reply = { readonly id: number; readonly answer: Answer } | { readonly rested: true };

interface Question {
  readonly id: number;
  readonly method: Method;
  readonly argument: unknown;
}

export interface ProcessOptions {
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

export function openProcess(name: PeerName, { timeoutMs, env = {} }: ProcessOptions): Contender {
  const child = fork(process.argv[1] ?? '', ['bench', PROCESS_FLAG, name], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const mail = new Mailbox();
  let words = '';
  child.stderr?.on('data', (chunk) => {
    words = (words + chunk).slice(-400);
  });
  let rested = () => {};
  child.on('message', (message: Reply) => ('answer' in message ? mail.deliver(message.id, message.answer) : rested()));
  child.on('error', (error) => mail.fail(`its process failed: ${error.message}`));
  child.on('exit', (code, signal) => {
    mail.fail(`its process ended (${signal ?? `exit code ${code}`}) ${words.trim()}`);
    rested();
  });
  return {
    name,
    async ask<M extends Method>(method: M, argument: Methods[M]['argument']) {
      const send = (id: number) => child.send({ id, method, argument } satisfies Question);
      const rest = new Promise<void>((resolve) => {
        rested = resolve;
      });
      proceed(child);
      const answer = await mail.ask(method, timeoutMs, send);
      await rest;
      halt(child);
      return answer as Methods[M]['answer'];
    },
    downloadBytes: async () => null,
    async close() {
      proceed(child);
      child.kill();
    },
  };
}

/**
 * A peer whose turn is over keeps threads that spin or poll, on the cores that the next one computes on. Windows has no
 * such signals; there they keep running.
 */
const halt = (child: ChildProcess) => process.platform !== 'win32' && child.kill('SIGSTOP');
const proceed = (child: ChildProcess) => process.platform !== 'win32' && child.kill('SIGCONT');

const LOOK_MS = 250;
/** Of this process, while it has nothing to do. */
const QUIET_SHARE = 0.1;
const LONGEST_REST_MS = 120_000;

/**
 * Until this process no longer computes: V8 compiles hot WebAssembly anew behind the first inferences, for a minute where
 * functions are large (ORT-web), and a peer that is stopped before would never get faster.
 */
async function rest(): Promise<void> {
  for (let waited = 0; waited < LONGEST_REST_MS; waited += LOOK_MS) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { user, system } = process.cpuUsage(before);
    if (user + system < QUIET_SHARE * LOOK_MS * 1000) return;
  }
}

/** The other end: answers until the parent goes away. */
export async function servePeer(name: PeerName): Promise<number> {
  const host = await nodeHost(name);
  const session = peerSession(host, installCounters());
  process.on('message', async (question: Question) => {
    const { id, method } = question;
    const answer = await reply(session[method], question.argument).catch(answerOf);
    process.send?.({ id, answer } satisfies Reply);
    await rest();
    process.send?.({ rested: true } satisfies Reply);
  });
  await new Promise((resolve) => process.once('disconnect', resolve));
  return 0;
}

/** The asker is this same program, so the argument is the method's own. */
async function reply(handler: unknown, argument: unknown): Promise<Answer> {
  if (typeof handler !== 'function') throw new Error('there is no such question');
  return { value: await handler(argument) };
}
