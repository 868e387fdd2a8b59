import { Alert } from '@mantine/core'
import { ApiError } from '../api/problem'
import { ProblemNote } from '../feedback/problem-note'

const WORDS: Record<string, string> = {
  containment_self_approval:
    'Whoever asked for it, or has part in it, does not decide on it, and nobody does for them; somebody else must approve.',
  plan_changed: 'The plan is not the one that you saw. It is loaded anew: look at what differs, then decide.',
  containment_settled: 'It is decided already. What stands here is loaded anew.',
  containment_voted: 'You have answered already.',
  conflict: 'Somebody changed it meanwhile. It is loaded anew; yours was not done.',
  approval_expired: 'The time to approve is over. Ask for it again from the incident.',
}

/** Why something was not done, in the words of what people meant to do. */
export function Refused({ error, what }: { error: unknown; what: string }) {
  if (error instanceof ApiError) {
    const words =
      WORDS[error.code] ??
      (error.status === 412 ? 'Somebody changed it meanwhile. It is loaded anew; yours was not done.' : undefined)
    if (words)
      return (
        <Alert role="alert" color="red" variant="light" title={what}>
          {words}
        </Alert>
      )
  }
  return <ProblemNote error={error} what={what} />
}
