"""Recording what real code does to its files, and every state of the disk that a power loss may leave of it.

In the way of ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018). What a disk promises here:

- what was synced is there: of a file its bytes and its size, of a folder its entries;
- of what was not synced any subset is there, torn at the 512-byte sectors of the disk, a file grown with zeros or
  with what lay on the disk before;
- a rename is atomic, also one between two folders or one that exchanges two entries, and a sync of either folder makes
  it durable (as on ext4, XFS and btrfs); a file that is synced may still lack its name;
- a sector is written whole (SQLite asks for the same: sqlite.org/psow.html).
"""
