import { Alert, Checkbox, Modal, Text } from '@mantine/core'
import { useState } from 'react'
import type { Containment } from './api'
import { ReasonForm } from './reason-form'
import { deedWords, reversibilityWords } from './words'
import { useSecond } from './countdown'

interface Props {
  opened: boolean
  containment: Containment
  busy: boolean
  onClose: () => void
  onReason: (reason: string) => void
}

/** Without approval: behind a dialog of its own, with what it costs. */
export function BreakGlassDialog({ opened, onClose, ...rest }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Break glass: apply without approval" size="md">
      <Inside onClose={onClose} {...rest} />
    </Modal>
  )
}

function Inside({ containment, busy, onClose, onReason }: Omit<Props, 'opened'>) {
  const [sure, setSure] = useState(false)
  const now_ms = useSecond()
  const { plan, decision } = containment
  return (
    <ReasonForm
      label="Why can it not wait?"
      description="It stands in the audit log under your name, for good."
      word="Apply it without approval"
      grave
      busy={busy}
      onLeave={onClose}
      onReason={onReason}
      blocked={!sure}
    >
      <Alert color="red" variant="light" title={deedWords(containment, now_ms)} mb="sm">
        <Text>
          This takes {decision.people === 1 ? 'an approval' : `${String(decision.people)} approvals`}, and you go past{' '}
          {decision.people === 1 ? 'it' : 'them'}. The audit log keeps that, and who did it.{' '}
          {plan ? `It ${reversibilityWords(plan.reversibility)}. ` : null}
          {containment.told_by_email
            ? 'Everybody who may decide is told by e-mail.'
            : 'E-mail is not configured here: tell the others who may decide yourself.'}
        </Text>
      </Alert>
      <Checkbox
        mb="sm"
        label="Nobody who may approve can be reached in time"
        checked={sure}
        onChange={(event) => setSure(event.currentTarget.checked)}
      />
    </ReasonForm>
  )
}
