"""The studio: heads edited live. Its core knows no page; `hexplane edit` replays what it did."""
