/** A peer in a Node process of its own, over Dawn or a native runtime. */
import { type ChildProcess, fork } from 'node:child_process';
import { type Answer, answerOf, type Contender, Mailbox } from './contender.js';
import { installCounters } from './counters.js';
import { nodeHost } from './node-host.js';
import type { PeerName } from './peer.js';
import { type Method, type Methods, peerSession } from './session.js';

/** The hidden option by which `bench` starts its own processes. */
export const PROCESS_FLAG = '--peer-process';

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
  child.on('message', (message: { id: number; answer: Answer }) => mail.deliver(message.id, message.answer));
  child.on('error', (error) => mail.fail(`its process failed: ${error.message}`));
  child.on('exit', (code, signal) => mail.fail(`its process ended (${signal ?? `exit code ${code}`}) ${words.trim()}`));
  return {
    name,
    async ask<M extends Method>(method: M, argument: Methods[M]['argument']) {
      const send = (id: number) => child.send({ id, method, argument } satisfies Question);
      proceed(child);
      try {
        return (await mail.ask(method, timeoutMs, send)) as Methods[M]['answer'];
      } finally {
        halt(child);
      }
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

/** The other end: answers until the parent goes away. */
export async function servePeer(name: PeerName): Promise<number> {
  const host = await nodeHost(name);
  const session = peerSession(host, installCounters());
  process.on('message', async (question: Question) => {
    const { id, method } = question;
    const answer = await reply(session[method], question.argument).catch(answerOf);
    process.send?.({ id, answer });
  });
  await new Promise((resolve) => process.once('disconnect', resolve));
  return 0;
}

/** The asker is this same program, so the argument is the method's own. */
async function reply(handler: unknown, argument: unknown): Promise<Answer> {
  if (typeof handler !== 'function') throw new Error('there is no such question');
  return { value: await handler(argument) };
}
