import { Group, Stack, Text } from '@mantine/core'

/** What could be here, why it is not, and the next step. */
export function Empty({
  title,
  action,
  children,
}: {
  title: React.ReactNode
  action?: React.ReactNode
  children?: React.ReactNode
}) {
  return (
    <Stack align="center" gap={6} p="xl" ta="center">
      <Text component="div" fw={600}>
        {title}
      </Text>
      {children ? <div className="empty-text">{children}</div> : null}
      {action ? (
        <Group gap="xs" mt="xs" justify="center">
          {action}
        </Group>
      ) : null}
    </Stack>
  )
}
