// libpqxx against the zoo's tables: libpqxx_zoo URI. Each way of running statements reads, writes and reads again; what is read must be
// what was written. The reads are repeated, with pauses, so that they become hits.
#include <chrono>
#include <functional>
#include <iostream>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

constexpr int kRounds = 6;
constexpr int kRepeats = 25;

void check(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error(what);
}

void cycle(const std::string& name, const std::function<int()>& read, const std::function<void()>& write) {
    int stock = read();
    for (int round = 0; round < kRounds; ++round) {
        for (int i = 0; i < kRepeats; ++i) {
            check(read() == stock, name + ": a repeated read differs");
            if (i % 5 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        write();
        ++stock;
        const int got = read();
        check(got == stock, name + ": read " + std::to_string(got) + " after " + std::to_string(stock) + " was written");
    }
}

int stock_of(const pqxx::result& rows) { return rows.at(0).at(0).as<int>(); }

void run(const std::string& uri) {
    pqxx::connection connection(uri);
    const std::string raise = "UPDATE item SET stock = stock + 1 WHERE id = 7";
    connection.prepare("by_id", "SELECT stock FROM item WHERE id = $1");

    cycle("nontransaction",
          [&] { pqxx::nontransaction work(connection); return stock_of(work.exec("SELECT stock FROM item WHERE id = 7")); },
          [&] { pqxx::nontransaction work(connection); work.exec(raise); });
    cycle("parameters",
          [&] { pqxx::nontransaction work(connection); return stock_of(work.exec_params("SELECT stock FROM item WHERE id = $1", 7)); },
          [&] { pqxx::work work(connection); work.exec(raise); work.commit(); });
    cycle("prepared",
          [&] { pqxx::nontransaction work(connection); return stock_of(work.exec_prepared("by_id", 7)); },
          [&] { pqxx::work work(connection); work.exec_params("UPDATE item SET stock = stock + $1 WHERE id = $2", 1, 7); work.commit(); });
    cycle("block",
          [&] { pqxx::read_transaction work(connection); const int stock = stock_of(work.exec_prepared("by_id", 7)); work.commit(); return stock; },
          [&] {
              pqxx::work work(connection);
              work.exec(raise);
              try {
                  pqxx::subtransaction part(work);
                  part.exec("UPDATE item SET stock = 0 WHERE id = 7");
                  part.exec("SELECT 1 / 0");
              } catch (const pqxx::sql_error&) {
                  // Rolled back to its savepoint: the first update stays.
              }
              work.commit();
          });
    {
        pqxx::work work(connection);
        work.exec("UPDATE item SET stock = -1 WHERE id = 7");
    }  // rolled back
    pqxx::nontransaction work(connection);
    check(stock_of(work.exec_prepared("by_id", 7)) >= 0, "a write that was rolled back is seen");
    {
        pqxx::pipeline pipeline(work);
        const auto first = pipeline.insert("SELECT id FROM item WHERE id = 7");
        const auto second = pipeline.insert("SELECT id FROM item WHERE id = 8");
        check(stock_of(pipeline.retrieve(second)) == 8 && stock_of(pipeline.retrieve(first)) == 7, "pipeline");
    }
    check(work.exec("SELECT id FROM item").size() >= 50, "rows");
}

}  // namespace

int main(int argc, char** argv) {
    try {
        check(argc == 2, "usage: libpqxx_zoo URI");
        run(argv[1]);
        return 0;
    } catch (const std::exception& failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
