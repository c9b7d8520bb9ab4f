//! The price list: its files, their import, comparison and check, and the explanation of a priced call.
