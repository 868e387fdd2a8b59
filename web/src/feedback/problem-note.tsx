import { Alert, Anchor, Button, Group, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { ApiError, isForbidden, isMissingRoute } from '../api/problem'

/** What went wrong and what to do about it, in the server's words. */
export function ProblemNote({ error, retry, what }: { error: unknown; retry?: () => void; what?: string }) {
  if (isMissingRoute(error)) {
    return <Missing what={what ?? 'This part'} />
  }
  const problem = error instanceof ApiError ? error : new ApiError(0, { code: 'console', detail: String(error) })
  return (
    <Alert
      role="alert"
      color="red"
      variant="light"
      icon={<IconAlertTriangle size={18} />}
      title={
        isForbidden(problem) ? `You may not see this: ${problem.title}` : (what ? `${what}: ` : '') + problem.title
      }
    >
      <Text className="wrap">{problem.detail}</Text>
      {problem.hint ? (
        <Text mt={4}>
          <b>What to do:</b> {problem.hint}
        </Text>
      ) : null}
      <Group gap="sm" mt={8}>
        {retry ? (
          <Button variant="default" onClick={retry}>
            Try again
          </Button>
        ) : null}
        <ErrorLink problem={problem} />
        {problem.requestId ? <code className="dim">{problem.requestId}</code> : null}
      </Group>
    </Alert>
  )
}

function ErrorLink({ problem }: { problem: ApiError }) {
  if (problem.status === 0) return <code>{problem.code}</code>
  return (
    <Anchor size="sm" href={`/docs/errors/${problem.code}`} target="_blank">
      <code>{problem.code}</code>
    </Anchor>
  )
}

/** A part that this server does not have. */
export function Missing({ what }: { what: string }) {
  return (
    <Text className="dim" role="note" p="sm">
      {what} is not offered by this server.
    </Text>
  )
}
