/// The price files as the two lists in a folder give them.
fn generated(lists: &Path) -> (CrossCheck, Vec<(String, String)>) {
    let read = |name: &str| {
        let path = lists.join(name);
        let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    };
    let recorded_at = bursar_prices::date::parse("2026-11-24").unwrap();
    let facts = |source: &str, as_of: &str| ImportFacts {
        source: source.to_owned(),
        as_of: as_of.to_owned(),
        recorded_at,
    };
    let litellm = facts("litellm 1.109.1", "2026-11");
    let models_dev = facts("models.dev f3fc692 of 2026-07-02", "2026-07-02");
    let (first, second) =
        (read("litellm_model_prices_1.109.1.json.gz"), read("models_dev_2026-07-02_f3fc692.json.gz"));
    let check = cross_check((&first, &litellm), (&second, &models_dev)).unwrap();
    let comment = "Generated from two published lists: cargo run -p bursar-prices --example generate_prices\n\
                   Prices are dollars per million tokens; of meters that count no tokens, dollars per unit.\n\
                   Notices of the sources stand in NOTICE.md.";
    let mut files = files_of(&check, &litellm, comment);
    let limits = limits_of(&check, (&first, &litellm), (&second, &models_dev)).unwrap();
    let comment = "Generated from two published lists: cargo run -p bursar-prices --example generate_prices\n\
                   Limits are tokens; where the lists disagree the larger one holds and the note says the other.\n\
                   Notices of the sources stand in ../NOTICE.md.";
    files.extend(limit_files_of(&limits, &litellm, comment));
    (check, files)
}
