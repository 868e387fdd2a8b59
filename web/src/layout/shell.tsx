import { ActionIcon, Burger, Drawer, Menu, Text, Tooltip, UnstyledButton, useMantineColorScheme } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { spotlight } from '@mantine/spotlight'
import { IconFlag2, IconKeyboard, IconLogout, IconMoonStars, IconSearch, IconSun, IconUser } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { Suspense, useEffect, useRef } from 'react'
import { call, hasToken, onSignedOut, setToken } from '../api/client'
import { useMine } from '../contain/containments'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { sessionQuery } from '../session/session'
import { useSession } from '../session/use-session'
import { EnterPage, SignInPage } from '../session/sign-in'
import { Chords, isTyping, keyName } from './keys'
import { LiveMark, LiveProvider } from './live'
import { placesFor, REFERENCE } from './navigation'
import { Palette } from './palette'
import classes from './shell.module.css'
import { Shortcuts, shortcuts } from './shortcuts'

/** The frame of every screen, for those who may be here; the door for others. */
export function Shell() {
  const session = useQuery(sessionQuery)
  const client = useQueryClient()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  useEffect(() => onSignedOut(() => void client.invalidateQueries({ queryKey: ['session'] })), [client])
  if (pathname === '/enter') {
    const entered = async () => {
      await client.invalidateQueries()
      await navigate({ to: '/' })
    }
    return <EnterPage onEntered={() => void entered()} />
  }
  if (session.isPending) return <Loading label="Loading the console" />
  if (session.isError) return <ProblemNote error={session.error} retry={() => void session.refetch()} />
  if (session.data === null) return <SignInPage />
  return (
    <LiveProvider>
      <Frame />
    </LiveProvider>
  )
}

function Frame() {
  const [open, { toggle, close }] = useDisclosure()
  const narrow = useMediaQuery('(max-width: 760px)') ?? false
  useChords()
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">
        Skip to the content
      </a>
      <header className={classes.head}>
        {narrow ? <Burger opened={open} onClick={toggle} size="sm" aria-label="Places" /> : null}
        <Link to="/queue" className={classes.name}>
          Hue &amp; Cry
        </Link>
        <UnstyledButton className={classes.search} onClick={() => spotlight.open()}>
          <IconSearch size={15} aria-hidden />
          <span>Search and commands</span>
          <kbd>Ctrl K</kbd>
        </UnstyledButton>
        <div className={classes.tools}>
          <LiveMark />
          {narrow ? null : (
            <Tooltip label="Keyboard shortcuts (?)">
              <ActionIcon aria-label="Keyboard shortcuts" onClick={() => shortcuts.open()}>
                <IconKeyboard size={18} />
              </ActionIcon>
            </Tooltip>
          )}
          <SchemeSwitch />
          <OwnMenu />
        </div>
      </header>
      {narrow ? (
        <Drawer opened={open} onClose={close} size={240} title="Hue & Cry" padding="sm">
          <Places onGo={close} />
        </Drawer>
      ) : (
        <nav className={classes.rail} aria-label="Places">
          <Places />
        </nav>
      )}
      <main id="main" className={classes.main} tabIndex={-1}>
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
      <Palette />
      <Shortcuts />
    </div>
  )
}

function Places({ onGo }: { onGo?: () => void }) {
  const places = placesFor(useSession())
  const mine = useMine()
  return (
    <div className={classes.places}>
      {places.map(({ to, name, icon: Icon }) => (
        <Link key={to} to={to} className={classes.place} onClick={onGo} activeProps={{ 'data-active': true }}>
          <Icon size={17} stroke={1.7} aria-hidden />
          {name}
          {to === '/containments' && mine !== null ? (
            <span className={classes.count} aria-label={`${mine} wait for you`} role="img">
              {mine}
            </span>
          ) : null}
        </Link>
      ))}
      <a className={classes.place} href="/report" data-last>
        <IconFlag2 size={17} stroke={1.7} aria-hidden />
        Report something
      </a>
      <a className={classes.place} href={REFERENCE.href}>
        <REFERENCE.icon size={17} stroke={1.7} aria-hidden />
        {REFERENCE.name}
      </a>
    </div>
  )
}

function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const systemDark = useMediaQuery('(prefers-color-scheme: dark)')
  const dark = colorScheme === 'dark' || (colorScheme === 'auto' && systemDark)
  return (
    <Tooltip label={dark ? 'Light' : 'Dark'}>
      <ActionIcon
        aria-label={dark ? 'Use the light theme' : 'Use the dark theme'}
        onClick={() => setColorScheme(dark ? 'light' : 'dark')}
      >
        {dark ? <IconSun size={18} /> : <IconMoonStars size={18} />}
      </ActionIcon>
    </Tooltip>
  )
}

function OwnMenu() {
  const session = useQuery(sessionQuery).data
  const client = useQueryClient()
  if (!session) return null
  const signOut = async () => {
    try {
      if (hasToken()) setToken(null)
      else await call('DELETE', '/api/v1/session')
    } catch (error) {
      noticeError('Signing out', error)
    }
    client.clear()
    location.assign('/')
  }
  const byProxy = session.scopes === null && !hasToken()
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon aria-label={`You: ${session.person.name}`}>
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text fw={600}>{session.person.name}</Text>
          {session.person.email ? <div>{session.person.email}</div> : null}
          <div>{session.roles.length > 0 ? session.roles.join(', ') : 'may do what the token may'}</div>
        </Menu.Label>
        <Menu.Item component={Link} to="/settings/you">
          Your sessions and tokens
        </Menu.Item>
        {byProxy ? null : (
          <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void signOut()}>
            Sign out
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}

/** `g q` and its like, `?`, wherever one is. */
function useChords() {
  const navigate = useNavigate()
  const session = useSession()
  const chords = useRef(new Chords(['g']))
  useEffect(() => {
    const places = placesFor(session)
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isTyping(event.target)) return
      const key = chords.current.next(keyName(event), event.timeStamp)
      const place = places.find((each) => key === `g ${each.key}`)
      if (place) void navigate({ to: place.to })
      if (key === '?') shortcuts.open()
      if (place || key === '?') event.preventDefault()
    }
    window.addEventListener('keydown', press, { capture: true })
    return () => window.removeEventListener('keydown', press, { capture: true })
  }, [navigate, session])
}
