/** What is wrong with a text that should be JSON. */
export function faultOf(text: string): string | null {
  if (!text.trim()) return null
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    return `This is no JSON yet: ${error instanceof Error ? error.message : String(error)}`
  }
}
