import { Modal, Text, Textarea, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { VERDICTS } from './words'
import classes from './verdict-picker.module.css'

/** Closing is one key: the number of the verdict. */
export function VerdictPicker(props: {
  opened: boolean
  what: string
  onClose: () => void
  onChoose: (verdict: string, reason: string) => void
}) {
  const { opened, what, onClose, onChoose } = props
  const [reason, setReason] = useState('')
  const choose = (verdict: string) => {
    onChoose(verdict, reason.trim())
    setReason('')
    onClose()
  }
  const press = (event: React.KeyboardEvent) => {
    if (event.target instanceof HTMLTextAreaElement || event.ctrlKey || event.metaKey || event.altKey) return
    const choice = /^[1-9]$/.test(event.key) ? VERDICTS[Number(event.key) - 1] : undefined
    if (choice) {
      event.preventDefault()
      choose(choice.value)
    }
  }
  return (
    <Modal opened={opened} onClose={onClose} title="Close: what did it turn out to be?" size={560} onKeyDown={press}>
      <Text className="dim wrap" mb="xs">
        {what}
      </Text>
      <div className={classes.list}>
        {VERDICTS.map(({ value, word, meaning }, index) => (
          <UnstyledButton
            key={value}
            className={classes.choice}
            onClick={() => choose(value)}
            data-autofocus={index === 0 || undefined}
          >
            <kbd>{index < 9 ? index + 1 : ''}</kbd>
            <b>{word}</b>
            <span className="dim">{meaning}</span>
          </UnstyledButton>
        ))}
      </div>
      <Textarea
        mt="sm"
        label="Why (for the audit log; may stay empty)"
        autosize
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </Modal>
  )
}
