/** What an adapter's compiler has against a kernel: line, column and text of every error. */
export async function whyRefused(
  module: GPUShaderModule,
  code: string,
  label: string,
  cause: unknown,
): Promise<string> {
  const lines = code.split('\n');
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter((m) => m.type === 'error');
  const details = errors.map((m) => `${m.lineNum}:${m.linePos}: ${m.message}\n    ${lines[m.lineNum - 1] ?? ''}`);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `the kernel ${label} does not compile on this adapter: ${[reason, ...details].join('\n')}`;
}
