/** What a notice about a ring rests on, in words. */
import type { Notice } from '../report/api'

/** From where on a share is worth a word. */
const SHARE_MIN = 0.3

const SHARES: readonly [string, string][] = [
  ['similar_share', 'alike in their words'],
  ['new_share', 'from new accounts'],
  ['together_share', 'from people who reported together before'],
]

export function noticeWords({ features }: Pick<Notice, 'features'>): string {
  const number = (name: string) => (typeof features[name] === 'number' ? features[name] : null)
  const reporters = number('reporters')
  const expected = number('expected')
  const parts = SHARES.flatMap(([name, words]) => {
    const share = number(name) ?? 0
    return share >= SHARE_MIN ? [`${String(Math.round(share * 100))} % ${words}`] : []
  })
  const many =
    reporters === null
      ? ''
      : `${String(reporters)} reporters${expected === null ? '' : ` where about ${expected.toFixed(1)} are usual`}`
  const all = [many, ...parts].filter(Boolean).join('; ')
  return all ? `${all}.` : ''
}
