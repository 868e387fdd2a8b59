import { Button, Group, Modal, Text } from '@mantine/core'

interface Props {
  opened: boolean
  title: string
  word: string
  onClose: () => void
  onConfirm: () => void
  children: React.ReactNode
}

/** Before something that cannot be taken back. */
export function Confirm({ opened, title, word, onClose, onConfirm, children }: Props) {
  const confirm = () => {
    onConfirm()
    onClose()
  }
  return (
    <Modal opened={opened} onClose={onClose} title={title} size="sm">
      <Text>{children}</Text>
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose} data-autofocus>
          Leave it
        </Button>
        <Button color="red" onClick={confirm}>
          {word}
        </Button>
      </Group>
    </Modal>
  )
}
