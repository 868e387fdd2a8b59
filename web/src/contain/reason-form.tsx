import { Button, Group, Textarea } from '@mantine/core'
import { useState } from 'react'

interface Props {
  /** What is asked. */
  label: string
  description?: string
  /** What the button does. */
  word: string
  grave?: boolean
  busy: boolean
  onReason: (reason: string) => void
  onLeave: () => void
  /** It cannot be sent yet for another cause. */
  blocked?: boolean
  children?: React.ReactNode
}

/** Some things are done with a reason only; it stands in the history. */
export function ReasonForm({ label, description, word, grave, busy, onReason, onLeave, blocked, children }: Props) {
  const [reason, setReason] = useState('')
  const submit = () => {
    if (reason.trim() && !busy && !blocked) onReason(reason.trim())
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit()
        if (event.key === 'Escape') {
          event.stopPropagation()
          onLeave()
        }
      }}
    >
      {children}
      <Textarea
        label={label}
        description={description}
        required
        autoFocus
        data-autofocus
        autosize
        minRows={2}
        maxRows={8}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group gap="xs" mt="xs">
        <Button type="submit" color={grave ? 'red' : undefined} loading={busy} disabled={!reason.trim() || blocked}>
          {word}
        </Button>
        <Button variant="default" onClick={onLeave}>
          Leave it
        </Button>
      </Group>
    </form>
  )
}
