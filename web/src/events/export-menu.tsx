import { Button, Menu, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import { noticeDone, noticeError } from '../feedback/notices'
import { bytes } from '../time/format'
import { download, EXPORTS, save } from './lake'
import type { Asked } from './question'

/** Takes an answer along, with what has come so far while it comes, and a way to stop it. */
export function ExportMenu({ asked }: { asked: Asked | null }) {
  const [loaded, setLoaded] = useState<number | null>(null)
  const end = useRef<AbortController>(null)
  const take = async (format: (typeof EXPORTS)[number]) => {
    if (!asked) return
    end.current = new AbortController()
    setLoaded(0)
    try {
      const blob = await download(asked, format.format, setLoaded, end.current.signal)
      save(blob, `events.${format.ending}`)
      noticeDone(`events.${format.ending}: ${bytes(blob.size)}`)
    } catch (error) {
      if (!end.current.signal.aborted) noticeError('The export was not made', error)
    } finally {
      setLoaded(null)
    }
  }
  if (loaded !== null) {
    return (
      <>
        <Text role="status">{bytes(loaded)} so far</Text>
        <Button variant="default" onClick={() => end.current?.abort()}>
          Stop
        </Button>
      </>
    )
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={15} />} disabled={!asked}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {EXPORTS.map((format) => (
          <Menu.Item key={format.format} onClick={() => void take(format)}>
            {format.word}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
