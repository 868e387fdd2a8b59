import { Skeleton, Stack } from '@mantine/core'

/** Lines where text will be. */
export function Loading({ lines = 5, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <Stack gap={10} p="md" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={12} width={`${String(92 - ((line * 17) % 40))}%`} />
      ))}
    </Stack>
  )
}
