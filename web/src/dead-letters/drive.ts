import { api, unwrap } from '../api/client'

/** `dead_letter/0/17` → partition 0, offset 17. */
export function placeOf(position: string): { partition: number; offset: number } {
  const [offset, partition] = position.split('/').reverse().map(Number)
  return { partition: partition ?? 0, offset: offset ?? 0 }
}

export interface Failure {
  position: string
  error: unknown
}

/** Drives records again, one after the other; hears how many have an outcome. */
export async function driveAgain(
  positions: readonly string[],
  onProgress: (worked: number) => void,
): Promise<Failure[]> {
  const failed: Failure[] = []
  let worked = 0
  for (const position of positions) {
    try {
      await unwrap(api.POST('/api/v1/dead-letters/{partition}/{offset}/retry', { params: { path: placeOf(position) } }))
    } catch (error) {
      failed.push({ position, error })
    }
    worked += 1
    onProgress(worked)
  }
  return failed
}
