/** Where to go after signing in: a path of ours, never another site. */
export function returnPath(wanted: string | null): string {
  if (!wanted || !wanted.startsWith('/') || wanted.startsWith('//') || /[\\\r\n]/.test(wanted)) return '/'
  return wanted
}
