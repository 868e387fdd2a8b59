/** The way of a report, in words for the one who sent it. */
import type { Receipt } from '../report/api'

export interface Step {
  title: string
  text?: string
  at?: string
  /** `ahead`: not begun. */
  state: 'done' | 'now' | 'ahead'
}

type Way = Pick<
  Receipt,
  'state' | 'submitted_at' | 'updated_at' | 'next_update_due' | 'decision' | 'incident' | 'appeal' | 'owner_team'
>

export function timelineOf(receipt: Way): Step[] {
  const decided = receipt.decision?.decided_at ?? undefined
  const steps: Step[] = [
    {
      title: 'Received',
      text: 'It is in the audit log since before you got this receipt.',
      at: receipt.submitted_at,
      state: 'done',
    },
  ]
  switch (receipt.state) {
    case 'needs_info':
      steps.push({
        title: 'The team asks you something',
        text: 'Answer below; then it goes on.',
        at: decided,
        state: 'now',
      })
      break
    case 'accepted':
      steps.push({
        title: 'Accepted',
        text: receipt.decision?.by_automation
          ? 'What machines saw bears it out, so that it counts at once.'
          : 'A person read it and agreed that it matters.',
        at: decided,
        state: 'done',
      })
      break
    case 'merged':
      steps.push({ title: 'Joined', text: 'It was added to a matter that is known.', at: decided, state: 'done' })
      break
    case 'declined':
      steps.push({ title: 'Declined', text: 'The reason is below. You may appeal.', at: decided, state: 'done' })
      break
    case 'withdrawn':
      steps.push({ title: 'Withdrawn by you', at: receipt.updated_at, state: 'done' })
      break
    default:
      steps.push({
        title: 'A person reads it',
        text: receipt.state === 'held' ? 'This takes a little longer than usual.' : undefined,
        state: 'now',
      })
      steps.push({ title: 'Decision', text: 'With a reason, and a way to appeal.', state: 'ahead' })
  }
  steps.push(...appealSteps(receipt))
  if (receipt.incident) steps.push(...workSteps(receipt.incident))
  else if (receipt.state === 'accepted') steps.push({ title: 'Work on it begins', state: 'now' })
  return steps
}

function appealSteps({ appeal, decision }: Way): Step[] {
  if (!appeal) return []
  if (appeal.outcome === 'overturned') {
    return [{ title: 'Appeal: the decision was overturned', text: appeal.explanation ?? undefined, state: 'done' }]
  }
  if (appeal.outcome) {
    return [{ title: 'Appeal: the decision stands', text: appeal.explanation ?? undefined, state: 'done' }]
  }
  const who = decision ? 'Somebody else than the one who decided looks at it.' : undefined
  return [{ title: 'You appealed', text: who, state: 'now' }]
}

function workSteps({ status, contained }: NonNullable<Receipt['incident']>): Step[] {
  const over = status === 'closed' || status === 'resolved'
  const steps: Step[] = []
  if (!over) {
    const titles: Record<string, string> = { on_hold: 'Work on it rests', new: 'In the queue of those who work on it' }
    steps.push({ title: titles[status] ?? 'Somebody works on it', state: 'now' })
  }
  if (contained) steps.push({ title: 'Contained', text: 'It can do no more harm.', state: 'done' })
  if (over) steps.push({ title: 'Settled', text: 'The work on it is done.', state: 'done' })
  return steps
}
