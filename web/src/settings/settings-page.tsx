import { Tabs } from '@mantine/core'
import { useNavigate, useParams } from '@tanstack/react-router'
import { Page } from '../layout/page'
import { PeopleSection } from '../people/people-section'
import { HealthSection } from './health-section'
import { SourcesSection } from './sources-section'
import { TokensSection } from './tokens-section'
import classes from './settings.module.css'
import { YouSection } from './you-section'

const SECTIONS = [
  { value: 'sources', label: 'Sources' },
  { value: 'tokens', label: 'Tokens' },
  { value: 'people', label: 'People' },
  { value: 'health', label: 'Health' },
  { value: 'you', label: 'You' },
]

export function SettingsPage() {
  const { section } = useParams({ from: '/settings/$section' })
  const navigate = useNavigate()
  return (
    <Page title="Settings">
      <Tabs
        value={section}
        onChange={(value) => void navigate({ to: '/settings/$section', params: { section: value ?? 'sources' } })}
        keepMounted={false}
      >
        <Tabs.List mb="md" className={classes.tabs}>
          {SECTIONS.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="sources">
          <SourcesSection />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <TokensSection
            path="/api/v1/tokens"
            title="All tokens"
            about="API tokens act for programs, source tokens send as one source. Only hashes are kept."
          />
        </Tabs.Panel>
        <Tabs.Panel value="people">
          <PeopleSection />
        </Tabs.Panel>
        <Tabs.Panel value="health">
          <HealthSection />
        </Tabs.Panel>
        <Tabs.Panel value="you">
          <YouSection />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}
