/** How often a `loop` or a `while` turns, where a counter ends it. */
import { Cursor, evaluate, type Scope, skipStatement, type Token } from './wgsl-expression.js';

/** What in the loop's body decides: a value that changes, or a way out. */
interface Step {
  readonly kind: 'assign' | 'break';
  /** The statement, or the condition of the break. */
  readonly at: number;
  readonly name: string;
}

export interface Follower {
  readonly scope: Scope;
  /** Runs an assignment or a declaration. */
  assign(at: number): void;
  /** Reads the body, at the start of a turn. @param counters names that the loop's end depends on */
  follow(counters: ReadonlySet<string>): void;
  /** More turns are not followed. */
  readonly most: number;
}

export const ASSIGN = /^(?:[-+*/%&|^]=|<<=|>>=|=|\+\+|--)$/;

/**
 * Follows the loop turn by turn.
 *
 * @param body the token that opens it
 * @param condition of a `while`
 * @returns `undefined` where a condition is not known, or the loop has no way out at its top level
 */
export function turnsUntil(
  list: readonly Token[],
  body: number,
  condition: number | null,
  { scope, assign, follow, most }: Follower,
): number | undefined {
  const { steps, counters } = relevant(
    list,
    stepsOf(list, body),
    condition === null ? [] : wordsOf(list, condition, '{'),
  );
  if (condition === null && !steps.some(({ kind }) => kind === 'break')) return undefined;
  for (let turns = 0; turns < most; turns++) {
    if (condition !== null) {
      const { number } = evaluate(new Cursor(list, condition), scope);
      if (number === undefined) return undefined;
      if (number === 0) return turns;
    }
    if (steps[0]?.kind !== 'break') follow(counters);
    for (const [i, { kind, at }] of steps.entries()) {
      if (kind === 'assign') {
        assign(at);
        continue;
      }
      const { number } = at < 0 ? { number: 1 } : evaluate(new Cursor(list, at), scope);
      if (number === undefined) return undefined;
      // A way out at the start leaves before anything is done.
      if (number !== 0) return i === 0 ? turns : turns + 1;
      if (i === 0) follow(counters);
    }
  }
  return undefined;
}

/** Assignments and breaks at the top level of the body, in order. */
function stepsOf(list: readonly Token[], body: number): Step[] {
  const cursor = new Cursor(list, body);
  const end = cursor.behindBracket();
  const steps: Step[] = [];
  cursor.take('{');
  while (cursor.at < end - 1) {
    const word = cursor.text;
    if (word === 'continuing') {
      cursor.next();
      steps.push(...stepsOf(list, cursor.at));
      cursor.at = cursor.behindBracket();
    } else if (word === 'break' && cursor.peek(1) === 'if') {
      steps.push({ kind: 'break', at: cursor.at + 2, name: '' });
      skipStatement(cursor, true);
    } else if (/^(?:if|for|while|loop|switch|else|\{)$/.test(word)) {
      const at = cursor.at + 1;
      while (cursor.text !== '{' && cursor.kind !== 'end') cursor.at++;
      if (word === 'if' && cursor.peek(1) === 'break') steps.push({ kind: 'break', at, name: '' });
      cursor.at = cursor.behindBracket();
    } else {
      const isDeclared = /^(?:let|var|const)$/.test(word);
      if (isDeclared || ASSIGN.test(cursor.peek(1)))
        steps.push({ kind: 'assign', at: cursor.at, name: isDeclared ? cursor.peek(1) : word });
      skipStatement(cursor, true);
    }
  }
  return steps;
}

/** Without the assignments that no way out depends on. */
function relevant(list: readonly Token[], steps: readonly Step[], words: readonly string[]) {
  const names = new Set(words);
  for (const { kind, at } of steps) if (kind === 'break') for (const word of wordsOf(list, at, '{')) names.add(word);
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const { kind, at, name } of steps)
      if (kind === 'assign' && names.has(name)) for (const word of wordsOf(list, at, ';')) names.add(word);
  }
  return { steps: steps.filter(({ kind, name }) => kind === 'break' || names.has(name)), counters: names };
}

/** Names up to a mark. */
function wordsOf(list: readonly Token[], from: number, mark: string): string[] {
  const words: string[] = [];
  for (let at = from; list[at] && list[at]?.text !== mark && list[at]?.text !== ';'; at++)
    if (list[at]?.kind === 'name') words.push(list[at]?.text ?? '');
  return words;
}
