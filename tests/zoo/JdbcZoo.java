// The JDBC driver against the zoo's tables: java -cp postgresql.jar JdbcZoo.java URL USER. Each way of running statements reads, writes
// and reads again; what is read must be what was written. The reads are repeated, with pauses, so that they become hits.
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

public class JdbcZoo {
    static final int ROUNDS = 5, REPEATS = 20;

    interface Read { int run() throws Exception; }
    interface Write { void run() throws Exception; }

    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    static void cycle(String name, Read read, Write write) throws Exception {
        int stock = read.run();
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < REPEATS; i++) {
                check(read.run() == stock, name + ": a repeated read differs");
                if (i % 5 == 0) Thread.sleep(10);
            }
            write.run();
            stock++;
            int got = read.run();
            check(got == stock, name + ": read " + got + " after " + stock + " was written");
        }
    }

    static int stockOf(ResultSet rows) throws SQLException {
        try (rows) {
            check(rows.next(), "no row");
            return rows.getInt("stock");
        }
    }

    static void run(String url, Properties properties) throws Exception {
        try (Connection connection = DriverManager.getConnection(url, properties);
             Statement plain = connection.createStatement();
             PreparedStatement read = connection.prepareStatement("SELECT stock FROM item WHERE id = ?");
             PreparedStatement write = connection.prepareStatement("UPDATE item SET stock = stock + ? WHERE id = ?")) {
            read.setInt(1, 7);
            write.setInt(1, 1);
            write.setInt(2, 7);
            cycle("statement", () -> stockOf(plain.executeQuery("SELECT stock FROM item WHERE id = 7")), () -> plain.executeUpdate("UPDATE item SET stock = stock + 1 WHERE id = 7"));
            cycle("prepared", () -> stockOf(read.executeQuery()), () -> write.executeUpdate());
            connection.setAutoCommit(false);
            cycle("block", () -> { int stock = stockOf(read.executeQuery()); connection.commit(); return stock; }, () -> { write.executeUpdate(); connection.commit(); });
            write.executeUpdate();
            connection.rollback();
            cycle("after a rollback", () -> { int stock = stockOf(read.executeQuery()); connection.commit(); return stock; }, () -> { write.executeUpdate(); connection.commit(); });
            try {
                plain.executeQuery("SELECT 1 / 0");
                check(false, "no error");
            } catch (SQLException error) {
                check(error.getSQLState().equals("22012"), error.getSQLState());
            }
            connection.rollback();
            try (PreparedStatement portal = connection.prepareStatement("SELECT id FROM item ORDER BY id")) {
                portal.setFetchSize(7);
                int count = 0;
                try (ResultSet rows = portal.executeQuery()) {
                    while (rows.next()) count++;
                }
                check(count >= 50, "a portal with row limits gave " + count + " rows");
            }
            try (PreparedStatement batch = connection.prepareStatement("INSERT INTO sale (item_id, pieces) VALUES (?, ?)")) {
                for (int i = 1; i <= 40; i++) {
                    batch.setInt(1, i);
                    batch.setInt(2, i);
                    batch.addBatch();
                }
                check(batch.executeBatch().length == 40, "batch");
            }
            connection.commit();
            connection.setAutoCommit(true);
            long copied = connection.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY sale (item_id, pieces) FROM STDIN", new StringReader("1\t1\n2\t2\n"));
            check(copied == 2, "copy");
            try (ResultSet tables = connection.getMetaData().getTables(null, "public", "item", null)) {
                check(tables.next(), "metadata");
            }
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(400);
                    plain.cancel();
                } catch (Exception ignored) {
                    // The check below fails if nothing was cancelled.
                }
            });
            canceller.start();
            try {
                plain.execute("SELECT pg_sleep(300)");
                check(false, "not cancelled");
            } catch (SQLException error) {
                check(error.getSQLState().equals("57014"), error.getSQLState());
            }
            canceller.join();
        }
    }

    public static void main(String[] arguments) throws Exception {
        String[][] modes = {{}, {"prepareThreshold", "1"}, {"prepareThreshold", "0"}, {"preferQueryMode", "simple"}, {"preferQueryMode", "extendedCacheEverything"},
                            {"autosave", "always"}, {"binaryTransfer", "true", "prepareThreshold", "-1"}, {"reWriteBatchedInserts", "true"}};
        for (String[] mode : modes) {
            Properties properties = new Properties();
            properties.setProperty("user", arguments[1]);
            for (int i = 0; i < mode.length; i += 2) properties.setProperty(mode[i], mode[i + 1]);
            try {
                run(arguments[0], properties);
            } catch (Throwable failure) {
                throw new RuntimeException("mode " + String.join("=", mode), failure);
            }
        }
    }
}
