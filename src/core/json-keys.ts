/**
 * Finds a key that one JSON object holds twice. `JSON.parse` keeps the last silently, so a checker and a user of the
 * same file could see different tensors.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * @param text valid JSON (parse it first)
 * @returns the first repeated key in any one object, or `null`
 */
export function repeatedKey(text: string): string | null {
  const open: Set<string>[] = [];
  let last = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = closingQuote(text, i);
      last = text.slice(i, end + 1);
      i = end;
    } else if (code === COLON) {
      const keys = open.at(-1);
      const key: unknown = last.includes('\\') ? JSON.parse(last) : last.slice(1, -1);
      if (typeof key !== 'string' || keys?.has(key)) return String(key);
      keys?.add(key);
    } else if (text[i] === '{') {
      open.push(new Set());
    } else if (text[i] === '}') {
      open.pop();
    }
  }
  return null;
}

function closingQuote(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}
