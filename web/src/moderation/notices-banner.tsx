import { Alert, Button, Group, Text } from '@mantine/core'
import { IconUsersGroup } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { noticeError } from '../feedback/notices'
import { acknowledgeNotice, loadNotices, type Notice } from '../report/api'
import { Instant } from '../time/instant'

const LOOK_MS = 30_000

/** That many reports on one thing look made by few; nothing was dropped, automation waits. */
export function NoticesBanner({ onShow }: { onShow: (id: string) => void }) {
  const client = useQueryClient()
  const notices = useQuery({
    queryKey: ['report-notices'],
    queryFn: ({ signal }) => loadNotices(signal),
    refetchInterval: LOOK_MS,
    retry: false,
  })
  const acknowledge = useMutation({
    mutationFn: acknowledgeNotice,
    onSuccess: () => void client.invalidateQueries({ queryKey: ['report-notices'] }),
    onError: (error) => noticeError('The notice was not acknowledged', error),
  })
  const open = (notices.data?.items ?? []).filter((notice) => !notice.acknowledged_by)
  return open.map((notice) => (
    <Alert
      key={notice.id}
      m="xs"
      color="indigo"
      variant="light"
      role="status"
      icon={<IconUsersGroup size={18} />}
      title={`${String(notice.reports.length)} reports ${notice.service ? `on ${notice.service} ` : ''}look coordinated`}
    >
      <Text>
        {noticeWords(notice)} Seen <Instant ms={Date.parse(notice.at)} relative />. Nothing was dropped; automation
        leaves them to you.
      </Text>
      <Group gap="xs" mt={6}>
        {notice.reports[0] ? (
          <Button variant="default" onClick={() => onShow(notice.reports[0] ?? '')}>
            Show the first
          </Button>
        ) : null}
        <Button variant="default" loading={acknowledge.isPending} onClick={() => acknowledge.mutate(notice.id)}>
          I have seen it
        </Button>
      </Group>
    </Alert>
  ))
}

const FEATURES: Record<string, string> = {
  burst: 'many in a short time',
  new_accounts: 'many new accounts',
  similarity: 'the same words',
  overlap: 'people who reported together before',
}

/** What the notice rests on: the strongest first. */
export function noticeWords({ features }: Pick<Notice, 'features'>): string {
  const known = Object.entries(features)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] in FEATURES && entry[1] > 0)
    .toSorted((a, b) => b[1] - a[1])
    .map(([name]) => FEATURES[name] ?? name)
  return known.length > 0 ? `It rests on ${known.join(', ')}.` : ''
}
