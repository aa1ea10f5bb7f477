/** The GPU process of a browser that the tests have started, found through /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import type { Browser } from 'puppeteer-core';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** @throws Error when the browser has none */
export function gpuProcessOf(browser: Browser): number {
  const all = runningProcesses();
  const isOfBrowser = ({ parent }: Process): boolean => {
    const above = all.find(({ pid }) => pid === parent);
    return parent === browser.process()?.pid || (above !== undefined && isOfBrowser(above));
  };
  const found = all.find((process) => process.command.includes('--type=gpu-process') && isOfBrowser(process));
  if (!found) throw new Error('the browser has no GPU process');
  return found.pid;
}

function runningProcesses(): Process[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop() ?? '';
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return [{ pid: Number(pid), parent: Number(afterName.split(' ')[1]), command }];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}
