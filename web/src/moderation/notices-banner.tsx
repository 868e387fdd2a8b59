import { Alert, Button, Group, Text } from '@mantine/core'
import { IconUsersGroup } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { noticeError } from '../feedback/notices'
import { acknowledgeNotice, loadNotices } from '../report/api'
import { Instant } from '../time/instant'
import { noticeWords } from './notice'

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
