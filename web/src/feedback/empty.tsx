import { Stack, Text } from '@mantine/core'

/** What could be here, why it is not, and the next step. */
export function Empty({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <Stack align="center" gap={6} p="xl" ta="center">
      <Text fw={600}>{title}</Text>
      <div className="dim" style={{ maxWidth: '52ch' }}>
        {children}
      </div>
    </Stack>
  )
}
