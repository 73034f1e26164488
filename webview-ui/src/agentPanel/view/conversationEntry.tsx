import { memo } from 'preact/compat';
import { Icon } from '../../components/icon.tsx';
import { Markdown } from '../../markdown/markdown.tsx';
import { t } from '../../strings.ts';
import type { ConversationItem, MessageItem } from '../state/conversationView.ts';
import { copyText, followLink, usePanel } from './panelContext.ts';
import { PermissionCard } from './permissionCard.tsx';
import { ToolCallCard } from './toolCallCard.tsx';
import { TurnEnd } from './turnEnd.tsx';

export interface ConversationEntryProps {
  readonly item: ConversationItem;
  readonly isLast: boolean;
}

/** One entry of the log. Items never change in place, so an entry is drawn again only when its item is another one. */
export const ConversationEntry = memo(function ConversationEntry({ item, isLast }: ConversationEntryProps) {
  switch (item.type) {
    case 'user':
      return <UserMessage item={item} />;
    case 'agent':
      return <AgentMessage item={item} isLast={isLast} />;
    case 'thought':
      return <Thought item={item} isLast={isLast} />;
    case 'tool':
      return <ToolCallCard call={item} />;
    case 'question':
      return (
        <div class="entry">
          <PermissionCard question={item.question} />
        </div>
      );
    case 'turnEnd':
      return <TurnEnd end={item} isLast={isLast} />;
  }
});

function UserMessage({ item }: { readonly item: MessageItem }) {
  return (
    <article class="entry userMessage" aria-label={t('conversation.you')}>
      <div class="userText">{item.text}</div>
      {item.attachments.map((name) => (
        <div key={name} class="attachment">
          <Icon name="file" />
          <span>{name}</span>
        </div>
      ))}
    </article>
  );
}

function AgentMessage({ item, isLast }: ConversationEntryProps & { readonly item: MessageItem }) {
  const controller = usePanel();
  // A screen reader waits for the end of the message instead of reading each piece of it anew.
  const isGrowing = isLast && controller.state.conversation.value?.view.turn != null;
  return (
    <article class="entry agentMessage" aria-label={t('conversation.agent')} aria-busy={isGrowing}>
      <Markdown
        text={item.text}
        onLink={(target) => followLink(controller, target)}
        onCopy={(text) => copyText(controller, text)}
      />
    </article>
  );
}

/** The model's thoughts: folded away, and alive only while they are the newest thing. */
function Thought({ item, isLast }: ConversationEntryProps & { readonly item: MessageItem }) {
  const { state } = usePanel();
  const isThinking = isLast && state.conversation.value?.view.turn != null;
  return (
    <details class="entry thought">
      <summary>
        <Icon name={isThinking ? 'loading' : 'lightbulb'} spin={isThinking} />
        <span>{isThinking ? t('conversation.thinking') : t('conversation.thought')}</span>
        <Icon name="chevron-right" />
      </summary>
      <div class="thoughtText">{item.text}</div>
    </details>
  );
}
