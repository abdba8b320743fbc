import { useState } from 'react';
import { useViewerQuery } from '../__generated__/operations.js';
import { Avatar } from '../ui/Avatar.js';
import { useTexts } from '../ui/language.js';
import { Name } from '../ui/Name.js';
import { RenameDialog } from './RenameDialog.js';

/** Shows the visitor's own name; opens the dialog that changes it. */
export function WhoAmI() {
  const texts = useTexts();
  const [{ data }] = useViewerQuery();
  const [renaming, setRenaming] = useState(false);
  const viewer = data?.viewer;
  if (viewer == null) return null;
  return (
    <>
      <button
        type="button"
        className="who"
        aria-label={texts.youAre(viewer.displayName)}
        onClick={() => setRenaming(true)}
      >
        <Avatar id={viewer.id} name={viewer.displayName} small />
        <Name className="who-name">{viewer.displayName}</Name>
      </button>
      {renaming && <RenameDialog name={viewer.displayName} onClose={() => setRenaming(false)} />}
    </>
  );
}
